// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Attestation, IQuoteProofs, QuoteFault} from "../interfaces/IQuoteProofs.sol";
import {Falsehood, ITeeVerifier} from "../interfaces/ITeeVerifier.sol";
import {BURN_ADDRESS} from "../libraries/Limits.sol";
import {Attestations} from "./Attestations.sol";
import {Commitments} from "./Commitments.sol";
import {PullCredits} from "./PullCredits.sol";

/// @title What convicts attesters: two attestations that cannot both be true, or one that its quote's bytes disprove
/// @notice That an attestation is false depends on it and on the bytes alone: it is recorded once, by its first reporter, and stands.
/// Who signed it loses its stake, now or when another report brings its signature, member or not.
/// INVARIANT: a falsehood is written once. SAFETY: nothing here asks who is a member: verdicts that were signed before a
/// removal stay slashable while the stake is there.
abstract contract Reports is Attestations, Commitments, PullCredits {
    bytes32 private constant REPORT_DOMAIN = keccak256("mlm/tee-report/1");

    IQuoteProofs public immutable proofs;
    /// @inheritdoc ITeeVerifier
    uint128 public immutable bond;

    mapping(bytes32 attestationDigest => Falsehood) private _falsehoods;

    constructor(IQuoteProofs proofs_, uint128 bond_) {
        if (address(proofs_).code.length == 0) revert AddressMissing("proofs");
        _bounded("bond", bond_, 1, type(uint128).max);
        (proofs, bond) = (proofs_, bond_);
    }

    /// @inheritdoc ITeeVerifier
    function commit(bytes32 commitment) external {
        _commit(commitment);
    }

    /// @inheritdoc ITeeVerifier
    function equivocation(
        Attestation calldata a,
        bytes calldata signatureA,
        Attestation calldata b,
        bytes calldata signatureB,
        bytes32 salt
    ) external {
        (bytes32 first, bytes32 second) = (_digest(a), _digest(b));
        _openReport(keccak256(abi.encode(first, second)), salt);
        if (!_exclude(a, b)) revert NoEquivocation();
        address attester = _signer(first, signatureA, 0);
        address other = _signer(second, signatureB, 1);
        if (attester != other) revert SignersDiffer(attester, other);
        emit EquivocationShown(attester, msg.sender, first, second);
        if (attesters.slash(attester, msg.sender) == 0) revert NothingToSlash(attester);
    }

    /// @inheritdoc ITeeVerifier
    function contradiction(
        Attestation calldata attestation,
        bytes[] calldata signatures,
        bytes calldata quote,
        bytes32 salt
    ) external {
        bytes32 digest = _digest(attestation);
        _openReport(digest, salt);
        QuoteFault fault = proofs.contradictionOf(attestation, quote);
        if (fault == QuoteFault.None) revert NoContradiction(digest);
        _disprove(digest, fault, signatures);
    }

    /// @inheritdoc ITeeVerifier
    function falseChain(
        Attestation calldata attestation,
        bytes[] calldata signatures,
        bytes calldata quote,
        bytes32 salt
    ) external nonReentrant {
        bytes32 digest = _digest(attestation);
        _openReport(digest, salt);
        QuoteFault fault = proofs.brokenLinkOf(attestation, quote);
        if (fault == QuoteFault.None) {
            _addCredit(BURN_ADDRESS, bond);
            emit ChainUpheld(digest, msg.sender, bond);
        } else {
            _addCredit(msg.sender, bond);
            emit BondReturned(digest, msg.sender, bond);
            _disprove(digest, fault, signatures);
        }
        _pull(bond);
    }

    /// @inheritdoc ITeeVerifier
    function burn() external nonReentrant returns (uint256 amount) {
        return _payOut(BURN_ADDRESS);
    }

    /// @inheritdoc ITeeVerifier
    function falsehoodOf(bytes32 digest) external view returns (Falsehood memory) {
        return _falsehoods[digest];
    }

    function _falsehood(bytes32 digest) internal view returns (Falsehood storage) {
        return _falsehoods[digest];
    }

    /// @dev Of one quote: its bytes decide the facts, and the vendor says one thing of a platform at a time.
    function _exclude(Attestation calldata a, Attestation calldata b) private pure returns (bool) {
        if (a.quoteDigest != b.quoteDigest) return false;
        if (a.reportData != b.reportData || a.measurement != b.measurement) return true;
        if (a.kind != b.kind || a.simulated != b.simulated) return true;
        return a.checkedAt == b.checkedAt && a.status != b.status;
    }

    function _disprove(bytes32 digest, QuoteFault fault, bytes[] calldata signatures) private {
        Falsehood storage falsehood = _falsehoods[digest];
        if (falsehood.provenAt == 0) {
            (falsehood.reporter, falsehood.provenAt, falsehood.fault) = (msg.sender, uint48(block.timestamp), fault);
            emit AttestationDisproved(digest, msg.sender, fault);
        }
        address[] memory signers = _signers(digest, signatures, 0);
        for (uint256 i = 0; i < signers.length; ++i) {
            // At most MAX_ATTESTERS; whoever has nothing left loses nothing.
            // slither-disable-next-line unused-return,calls-loop
            attesters.slash(signers[i], msg.sender);
        }
    }

    /// @dev SAFETY: bound to the sender: a report that is seen in the mempool is nobody else's.
    function _openReport(bytes32 subject, bytes32 salt) private {
        _open(keccak256(abi.encode(REPORT_DOMAIN, block.chainid, address(this), msg.sender, subject, salt)));
    }
}
