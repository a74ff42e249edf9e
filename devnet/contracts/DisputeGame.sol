// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Complaints} from "./base/Complaints.sol";
import {Games} from "./base/Games.sol";
import {Payments} from "./base/Payments.sol";
import {Traces} from "./base/Traces.sol";
import {Fault, IDisputeGame, Trace} from "./interfaces/IDisputeGame.sol";
import {CellFault, Committed, HeaderFault, IFaultProofs, PaddingFault} from "./interfaces/IFaultProofs.sol";
import {IJobMarket} from "./interfaces/IJobMarket.sol";
import {IReplication} from "./interfaces/IReplication.sol";

/// What the game is deployed with; immutable. Amounts in token base units, times in seconds.
struct GameParams {
    uint128 deposit; // of a complaint
    uint32 answerWindow; // to a complaint
    uint128 bond; // of a game
    uint32 clock; // of each side in a game
    uint32 extension; // that a turn begins with, at least
}

/// @title The tiers optimistic and redundant: a result stands unless somebody shows one place where its trace contradicts itself
/// @notice docs/fault-proofs.md specifies it: what is committed to (base/Traces.sol), what convicts (IFaultProofs), and the game
/// that forces a provider to show what it withholds (base/Games.sol). Immutable, without an owner.
/// INVARIANT: token.balanceOf(this) >= totalCredit + bond * (games that have not ended) + deposit * (complaints whose deposit
/// was not paid); equal unless somebody donates.
/// INVARIANT: a verdict that is Rejected stands, with its challenger; one that is Pending when the verification window has
/// ended stands too. A dispute ends: every game by its clocks, every complaint by its own.
/// ASSUMPTION: market and proofs are the deployment's own, and a proof reverts for whatever is no fault.
contract DisputeGame is Games {
    /// @param market_ May have no code yet: market and verifier name each other; and so do replication and verifier.
    constructor(
        IERC20 token_,
        IJobMarket market_,
        IFaultProofs proofs_,
        IReplication replication_,
        GameParams memory params_
    )
        Payments(token_)
        Traces(replication_)
        Complaints(market_, params_.deposit, params_.answerWindow)
        Games(proofs_, params_.bond, params_.clock, params_.extension)
    {}

    // ---------------------------------------------------------------- in one transaction

    /// @inheritdoc IDisputeGame
    function prove(bytes32 jobId, CellFault calldata fault, bytes32 salt) external {
        _openCommitment(jobId, fault.node, fault.index, salt);
        _proveCell(_challengeable(jobId).versionId, jobId, fault);
    }

    /// @inheritdoc IDisputeGame
    function provePadding(bytes32 jobId, PaddingFault calldata fault, bytes32 salt) external {
        _openCommitment(jobId, fault.node, fault.at, salt);
        _provePadding(_challengeable(jobId).versionId, jobId, fault);
    }

    /// @inheritdoc IDisputeGame
    function proveHeader(bytes32 jobId, HeaderFault calldata fault, bytes32 salt) external {
        _openCommitment(jobId, fault.node, fault.typeWord, salt);
        bytes32 versionId = _challengeable(jobId).versionId;
        proofs.checkHeader(_committed(jobId), fault);
        _convict(versionId, jobId, Fault.Header, fault.node, fault.typeWord, 0, 0);
    }

    // ---------------------------------------------------------------- in a game

    /// @inheritdoc IDisputeGame
    function proveInGame(bytes32 gameId, CellFault calldata fault) external {
        bytes32 jobId = _proving(gameId, fault.node);
        _proveCell(market.jobOf(jobId).versionId, jobId, fault);
        _endProven(gameId);
    }

    /// @inheritdoc IDisputeGame
    function provePaddingInGame(bytes32 gameId, PaddingFault calldata fault) external {
        bytes32 jobId = _proving(gameId, fault.node);
        _provePadding(market.jobOf(jobId).versionId, jobId, fault);
        _endProven(gameId);
    }

    // ---------------------------------------------------------------- proofs

    function _proveCell(bytes32 versionId, bytes32 jobId, CellFault calldata fault) private {
        (int256 expected, int256 claimed) = proofs.checkCell(_committed(jobId), fault);
        _convict(versionId, jobId, Fault.Cell, fault.node, fault.index, expected, claimed);
    }

    function _provePadding(bytes32 versionId, bytes32 jobId, PaddingFault calldata fault) private {
        proofs.checkPadding(_committed(jobId), fault);
        _convict(versionId, jobId, Fault.Padding, fault.node, fault.at, 0, 0);
    }

    /// @dev What the proofs are held against: never what a prover says.
    function _committed(bytes32 jobId) private view returns (Committed memory) {
        Trace storage trace = _trace(jobId);
        return Committed(trace.graphRoot, trace.traceRoot, trace.nodes, trace.inputs);
    }
}
