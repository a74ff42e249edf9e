// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Attestation} from "../../contracts/interfaces/IQuoteProofs.sol";
import {Complaint} from "../../contracts/interfaces/IComplaints.sol";
import {Job, Terms} from "../../contracts/interfaces/IJobMarket.sol";
import {TeeResult} from "../../contracts/interfaces/ITeeVerifier.sol";
import {State, Verdict} from "../../contracts/interfaces/Types.sol";
import {TeeBase} from "./TeeBase.sol";

/// @title Random play with jobs of the tier tee: true quotes and two kinds of lies, complaints, reports, members that come and go
abstract contract TeePlay is TeeBase {
    enum Lie {
        None,
        Contradiction,
        Chain
    }

    struct Played {
        bytes32 jobId;
        Lie lie;
        Verdict last; // as it was last seen
        address challenger;
        bool closed; // its window was over, and it was Pending
    }

    uint256 internal constant MOST = 12;

    Played[] internal played;
    mapping(bytes32 jobId => Terms) internal termsOf;
    mapping(bytes32 jobId => TeeResult) internal resultOf;
    mapping(bytes32 jobId => bytes) internal quoteOf;
    /// Whoever kept a rule that has no exception: what broke it.
    string public broken;

    /// @dev After every move, since what an invariant's own call writes is forgotten.
    modifier observed() {
        _;
        _observe();
    }

    function playHandIn(uint256 seed) external observed {
        if (played.length >= MOST || !attesters.isReady()) return;
        if (!attesters.isActive(_attester(0)) || !attesters.isActive(_attester(1)) || attesters.threshold() > 2) {
            return;
        }
        (bytes32 jobId, Terms memory terms) = _teeReady(POLICY);
        Lie lie = Lie(seed % 3);
        bytes memory quote = lie == Lie.None
            ? _quoteOf(_reportData(jobId))
            : lie == Lie.Chain ? _unsignedQuoteOf(_reportData(jobId)) : _quoteOf(keccak256(abi.encode(seed)));
        TeeResult memory result = _result(jobId, quote);
        _submit(jobId, terms, result);
        played.push(Played(jobId, lie, Verdict.Pending, address(0), false));
        (termsOf[jobId], quoteOf[jobId]) = (terms, quote);
        _keep(jobId, result);
    }

    function playComplain(uint256 which) external observed {
        (bytes32 jobId, bool any) = _one(which);
        if (!any || market.stateOf(jobId) != State.Submitted || tee.complaintOf(jobId).answerBy != 0) return;
        vm.prank(CONSUMER);
        tee.complain(jobId);
    }

    function playAnswer(uint256 which) external observed {
        (bytes32 jobId, bool any) = _one(which);
        Complaint memory complaint = tee.complaintOf(jobId);
        if (!any || complaint.answerBy == 0 || complaint.answered || block.timestamp >= complaint.answerBy) return;
        if (tee.verdictOf(jobId) != Verdict.Disputed) return;
        vm.prank(ALICE);
        tee.answer(jobId, SALT, OUTPUTS, resultOf[jobId].attestation, quoteOf[jobId]);
    }

    function playContradict(uint256 which, bool signed) external observed {
        (bytes32 jobId, bool any) = _one(which);
        if (!any || _lieOf(jobId) != Lie.Contradiction) return;
        bytes[] memory signatures;
        if (signed) signatures = resultOf[jobId].signatures;
        _contradict(resultOf[jobId].attestation, signatures, quoteOf[jobId]);
    }

    function playAccuse(uint256 which, bool signed) external observed {
        (bytes32 jobId, bool any) = _one(which);
        if (!any || token.balanceOf(REPORTER) < BOND) return;
        bytes[] memory signatures;
        if (signed) signatures = resultOf[jobId].signatures;
        uint256 burned = tee.creditOf(address(0xdEaD));
        _accuse(resultOf[jobId].attestation, signatures, quoteOf[jobId]);
        bool upheld = tee.creditOf(address(0xdEaD)) != burned;
        if (upheld != (_lieOf(jobId) != Lie.Chain)) broken = "the dear path was wrong";
    }

    function playCollect(uint256 which, bool consumer) external observed {
        (bytes32 jobId, bool any) = _one(which);
        if (!any) return;
        vm.prank(consumer ? CONSUMER : ALICE);
        try tee.collect(jobId) {} catch {}
    }

    function playSettle(uint256 which) external observed {
        (bytes32 jobId, bool any) = _one(which);
        if (!any || market.jobOf(jobId).settledAt != 0 || market.stateOf(jobId) < State.Accepted) return;
        market.settle(jobId, termsOf[jobId]);
    }

    function playRemove(uint256 which) external observed {
        address account = _attester(which % 3);
        if (attesters.attesterOf(account).activeFrom == 0) return;
        vm.prank(GOVERNANCE);
        attesters.remove(account);
    }

    /// @dev Members again, which takes a month.
    function playRestore() external observed {
        if (attesters.isActive(_attester(0)) && attesters.isActive(_attester(1))) return;
        for (uint256 i = 0; i < 2; ++i) {
            address account = _attester(i);
            if (attesters.attesterOf(account).activeFrom != 0) continue;
            _deposit(account, MIN_STAKE);
            vm.prank(GOVERNANCE);
            attesters.admit(account);
        }
        vm.warp(block.timestamp + 30 days);
    }

    function playDraw() external observed {
        if (tee.creditOf(REPORTER) != 0) {
            vm.prank(REPORTER);
            tee.withdraw();
        }
        if (attesters.creditOf(REPORTER) != 0) {
            vm.prank(REPORTER);
            attesters.withdraw();
        }
    }

    function playPass(uint256 time) external observed {
        vm.warp(block.timestamp + _within(time, 1, 8 hours));
    }

    /// @dev What is Rejected stands with its challenger; what is Pending when its window is over stands.
    function _observe() private {
        for (uint256 i = 0; i < played.length; ++i) {
            Played storage one = played[i];
            Verdict now_ = tee.verdictOf(one.jobId);
            address challenger = tee.challengerOf(one.jobId);
            if (one.last == Verdict.Rejected && (now_ != Verdict.Rejected || challenger != one.challenger)) {
                broken = "a rejection did not stand";
            }
            if (one.closed && now_ != Verdict.Pending) broken = "silence did not stand";
            if (now_ == Verdict.Accepted) broken = "accepted was said";
            if (one.lie == Lie.None && challenger != address(0)) broken = "a true quote was challenged";
            Job memory job = market.jobOf(one.jobId);
            one.closed = now_ == Verdict.Pending && block.timestamp >= uint256(job.submittedAt) + job.verificationWindow;
            (one.last, one.challenger) = (now_, challenger);
        }
    }

    function _openDeposits() internal view returns (uint256 count) {
        for (uint256 i = 0; i < played.length; ++i) {
            Complaint memory complaint = tee.complaintOf(played[i].jobId);
            if (complaint.answerBy != 0 && !complaint.paid) ++count;
        }
    }

    function _one(uint256 which) private view returns (bytes32 jobId, bool any) {
        if (played.length == 0) return (0, false);
        return (played[which % played.length].jobId, true);
    }

    function _lieOf(bytes32 jobId) private view returns (Lie) {
        for (uint256 i = 0; i < played.length; ++i) {
            if (played[i].jobId == jobId) return played[i].lie;
        }
        return Lie.None;
    }

    /// @dev The language copies no array of bytes from memory into a mapping's struct at once.
    function _keep(bytes32 jobId, TeeResult memory result) private {
        TeeResult storage kept = resultOf[jobId];
        kept.attestation = result.attestation;
        for (uint256 i = 0; i < result.signatures.length; ++i) {
            kept.signatures.push(result.signatures[i]);
        }
    }
}
