// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AttesterSet} from "../../contracts/AttesterSet.sol";
import {JobMarket} from "../../contracts/JobMarket.sol";
import {StakeVault} from "../../contracts/StakeVault.sol";
import {TeeParams, TeeVerifier} from "../../contracts/TeeVerifier.sol";
import {Publication, TierKey} from "../../contracts/interfaces/IAssetRegistry.sol";
import {IJobMarket, Request, Terms} from "../../contracts/interfaces/IJobMarket.sol";
import {Attestation} from "../../contracts/interfaces/IQuoteProofs.sol";
import {SessionKey, TeeResult} from "../../contracts/interfaces/ITeeVerifier.sol";
import {Claim} from "../../contracts/interfaces/IVerifier.sol";
import {AuctionKind, Tier} from "../../contracts/interfaces/Types.sol";
import {MIN_UNBONDING} from "../../contracts/libraries/Limits.sol";
import {MarketBase} from "../MarketBase.sol";
import {QuoteBase} from "./QuoteBase.sol";
import {Shipped} from "../Shipped.sol";

/// @title A market whose tier tee is the real one, with three attesters of whom two must sign, and quotes of the simulated vendor
abstract contract TeeBase is MarketBase, QuoteBase {
    address internal constant GOVERNANCE = address(0x60);
    address internal constant REPORTER = address(0x4E);
    bytes internal constant OUTPUTS = "a block of output tensors";
    bytes32 internal constant SALT = keccak256("salt");
    bytes32 internal constant MODEL = sha256("a model");
    bytes32 internal constant INPUT = keccak256("input");
    uint128 internal constant DEPOSIT = ONE;
    uint128 internal constant BOND = 20 * ONE;
    uint128 internal constant MIN_STAKE = 50 * ONE;
    uint32 internal constant ANSWER = 12 hours;
    // UpToDate, sgx, simulated.
    uint256 internal constant POLICY = 1 | (1 << 8) | (1 << 15);
    uint256 internal constant ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551;

    TeeVerifier internal tee;
    AttesterSet internal attesters;
    /// By ascending address.
    uint256[3] internal keys;
    bytes32 internal measurement;
    uint256 internal nonce;

    function setUp() public virtual override {
        super.setUp();
        _deployProofs();
        _sortKeys();
        (Attestation memory a,) = _simulated(SGX);
        measurement = a.measurement;
        _deployTee();
        _publishModel();
        address[4] memory accounts = [CONSUMER, ALICE, BOB, REPORTER];
        token.transfer(REPORTER, 1_000 * ONE);
        for (uint256 i = 0; i < 4; ++i) {
            vm.startPrank(accounts[i]);
            token.approve(address(market), type(uint256).max);
            token.approve(address(tee), type(uint256).max);
            vm.stopPrank();
        }
        _stake(ALICE, 1_000 * ONE);
        _stake(BOB, 1_000 * ONE);
        for (uint256 i = 0; i < 3; ++i) {
            _deposit(_attester(i), MIN_STAKE + uint128(i) * ONE);
            vm.prank(GOVERNANCE);
            attesters.admit(_attester(i));
        }
        vm.prank(GOVERNANCE);
        attesters.setThreshold(2);
    }

    function _deployTee() internal {
        uint64 at = vm.getNonce(address(this));
        address verifier_ = vm.computeCreateAddress(address(this), at + 1);
        address market_ = vm.computeCreateAddress(address(this), at + 3);
        attesters = Shipped.attesterSet(token, verifier_, GOVERNANCE, MIN_STAKE, uint48(MIN_UNBONDING));
        tee = Shipped.teeVerifier(token, IJobMarket(market_), attesters, proofs, TeeParams(DEPOSIT, ANSWER, BOND));
        vault = Shipped.stakeVault(token, market_, address(batch), uint64(MIN_UNBONDING));
        address[6] memory verifiers =
            [address(verifier), address(verifier), address(verifier), address(tee), address(0), address(0)];
        market = Shipped.jobMarket(token, registry, vault, _modules(), verifiers, _params());
        vm.assertEq(address(market), market_);
        vm.assertEq(address(tee), verifier_);
    }

    /// @dev OWNER's model, whose key allows the fixtures' enclave and another.
    function _publishModel() private {
        Publication memory p = _publication("labs", "enclave", "1.0.0", "manifest of the enclave's model");
        p.keys = new TierKey[](1);
        p.keys[0] = TierKey(Tier.Tee, _keyOf(MODEL, _measurements()));
        p.usePrice = 2 * ONE;
        p.ownerBps = 1_000;
        (tokenId, versionId) = _publish(OWNER, p);
    }

    function _sortKeys() private {
        keys = [uint256(0xA77E57), 0xB77E57, 0xC77E57];
        for (uint256 i = 0; i < 3; ++i) {
            for (uint256 j = i + 1; j < 3; ++j) {
                if (vm.addr(keys[j]) < vm.addr(keys[i])) (keys[i], keys[j]) = (keys[j], keys[i]);
            }
        }
    }

    function _attester(uint256 i) internal view returns (address) {
        return vm.addr(keys[i]);
    }

    function _deposit(address account, uint128 amount) internal {
        token.transfer(account, amount);
        vm.startPrank(account);
        token.approve(address(attesters), amount);
        attesters.deposit(amount);
        vm.stopPrank();
    }

    // ---------------------------------------------------------------- jobs

    function _teeRequest(uint256 policy) internal view returns (Request memory request) {
        request = _request(AuctionKind.Fixed, Tier.Tee);
        request.policy = bytes32(policy);
    }

    function _teeReady(uint256 policy) internal returns (bytes32 jobId, Terms memory terms) {
        Request memory request = _teeRequest(policy);
        (terms,) = market.quote(request);
        vm.prank(CONSUMER);
        jobId = market.post(request, ++nonce);
        vm.startPrank(ALICE);
        market.bid(jobId, MAX_PRICE, "");
        market.accept(jobId);
        vm.stopPrank();
    }

    /// @dev A job that was handed in with a true quote.
    function _handedIn()
        internal
        returns (bytes32 jobId, Terms memory terms, TeeResult memory result, bytes memory quote)
    {
        (jobId, terms) = _teeReady(POLICY);
        quote = _quoteOf(_reportData(jobId));
        result = _result(jobId, quote);
        _submit(jobId, terms, result);
    }

    function _submit(bytes32 jobId, Terms memory terms, TeeResult memory result) internal {
        vm.prank(ALICE);
        market.submit(jobId, terms, abi.encode(result), RESULT);
    }

    /// @dev What a claim of the market's would be.
    function _claimOf(bytes32 jobId) internal view returns (Claim memory) {
        return Claim({
            jobId: jobId,
            versionId: versionId,
            key: _keyOf(MODEL, _measurements()),
            inputCommitment: INPUT,
            provider: ALICE,
            tier: Tier.Tee,
            scheme: 2,
            policy: bytes32(POLICY)
        });
    }

    // ---------------------------------------------------------------- evidence

    function _root() internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("mlm/tensors-root/1"), SALT, keccak256(OUTPUTS)));
    }

    function _providerKey(address provider, uint256 x, uint256 y) internal pure returns (bytes32) {
        return keccak256(abi.encode(provider, x, y));
    }

    function _reportData(bytes32 jobId) internal view returns (bytes32) {
        return _reportData(jobId, _providerKey(ALICE, 0, 0));
    }

    function _reportData(bytes32 jobId, bytes32 providerKey) internal view returns (bytes32) {
        bytes32 output = keccak256(abi.encode(keccak256("mlm/out/1"), _root()));
        return
            keccak256(
                abi.encode(keccak256("mlm/tee/1"), block.chainid, market, jobId, MODEL, INPUT, output, providerKey)
            );
    }

    function _sessionData(SessionKey memory key) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("mlm/tee-session/1"),
                block.chainid,
                market,
                key.modelDigest,
                key.expiresAt,
                _providerKey(key.provider, key.x, key.y)
            )
        );
    }

    function _measurements() internal view returns (bytes32[] memory allowed) {
        allowed = new bytes32[](2);
        (allowed[0], allowed[1]) = (measurement, bytes32(type(uint256).max));
    }

    function _keyOf(bytes32 modelDigest, bytes32[] memory allowed) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("mlm/tee-key/1"), modelDigest, keccak256(abi.encode(allowed))));
    }

    /// @dev The simulated SGX quote with other report data, signed by the vendor's attestation key, which everybody knows.
    function _quoteOf(bytes32 reportData) internal view returns (bytes memory) {
        return _resignedQuote(_unsignedQuoteOf(reportData));
    }

    /// @dev An SGX quote of version 3 with the signature that its report asks for.
    function _resignedQuote(bytes memory quote) internal pure returns (bytes memory) {
        bytes memory signed = new bytes(432);
        for (uint256 i = 0; i < 432; ++i) {
            signed[i] = quote[i];
        }
        (bytes32 r, bytes32 s) = vm.signP256(uint256(sha256("mlm simulated vendor: quoting enclave")), sha256(signed));
        assembly ("memory-safe") {
            mstore(add(quote, add(0x20, 436)), r)
            mstore(add(quote, add(0x20, 468)), s)
        }
        return quote;
    }

    /// @dev The same with the signature over what it said before.
    function _unsignedQuoteOf(bytes32 reportData) internal view returns (bytes memory) {
        (, bytes memory quote) = _simulated(SGX);
        return _withData(quote, reportData);
    }

    /// @dev An SGX quote with other report data.
    function _withData(bytes memory quote, bytes32 reportData) internal pure returns (bytes memory) {
        assembly ("memory-safe") {
            mstore(add(quote, add(0x20, 368)), reportData)
        }
        return quote;
    }

    function _attestationOf(bytes32 jobId, bytes32 reportData, bytes memory quote)
        internal
        view
        returns (Attestation memory)
    {
        return Attestation({
            jobId: jobId,
            reportData: reportData,
            quoteDigest: sha256(quote),
            measurement: measurement,
            kind: 1,
            status: 0,
            simulated: true,
            checkedAt: uint64(block.timestamp)
        });
    }

    function _result(bytes32 jobId, bytes memory quote) internal view returns (TeeResult memory result) {
        result.attestation = _attestationOf(jobId, _reportData(jobId), quote);
        result.modelDigest = MODEL;
        result.measurements = _measurements();
        result.root = _root();
        result.signatures = _signed(result.attestation);
    }

    // ---------------------------------------------------------------- signatures

    /// @dev By the first two attesters.
    function _signed(Attestation memory a) internal view returns (bytes[] memory signatures) {
        signatures = new bytes[](2);
        signatures[0] = _sign(keys[0], a);
        signatures[1] = _sign(keys[1], a);
    }

    function _sign(uint256 key, Attestation memory a) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, tee.attestationDigest(a));
        return abi.encodePacked(r, s, v);
    }

    function _signP256(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (bytes32 r, bytes32 s) = vm.signP256(key, digest);
        if (uint256(s) > ORDER / 2) s = bytes32(ORDER - uint256(s));
        return abi.encodePacked(r, s);
    }

    // ---------------------------------------------------------------- reports

    /// @dev A report's commitment, one block old.
    function _commitTo(address reporter, bytes32 subject) internal {
        bytes32 commitment =
            keccak256(abi.encode(keccak256("mlm/tee-report/1"), block.chainid, address(tee), reporter, subject, SALT));
        vm.prank(reporter);
        tee.commit(commitment);
        vm.roll(block.number + 1);
    }

    function _contradict(Attestation memory a, bytes[] memory signatures, bytes memory quote) internal {
        _commitTo(REPORTER, tee.attestationDigest(a));
        vm.prank(REPORTER);
        tee.contradiction(a, signatures, quote, SALT);
    }

    function _accuse(Attestation memory a, bytes[] memory signatures, bytes memory quote) internal {
        _commitTo(REPORTER, tee.attestationDigest(a));
        vm.prank(REPORTER);
        tee.falseChain(a, signatures, quote, SALT);
    }

    function _stakeAt(uint256 i) internal view returns (uint256) {
        return uint256(attesters.attesterOf(_attester(i)).stake) + attesters.attesterOf(_attester(i)).unbonding;
    }

    /// @dev Both contracts hold what they owe to the unit.
    function _needTeeSound(uint256 openDeposits) internal view {
        vm.assertEq(token.balanceOf(address(tee)), tee.totalCredit() + openDeposits * DEPOSIT, "verifier's balance");
        uint256 stakes = _stakeAt(0) + _stakeAt(1) + _stakeAt(2);
        vm.assertEq(token.balanceOf(address(attesters)), stakes + attesters.totalCredit(), "set's balance");
    }
}
