// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {DisputeGame} from "../contracts/DisputeGame.sol";
import {JobMarket} from "../contracts/JobMarket.sol";
import {MarketToken} from "../contracts/MarketToken.sol";
import {StakeVault} from "../contracts/StakeVault.sol";
import {Challenge, End, Game, Phase, Trace} from "../contracts/interfaces/IDisputeGame.sol";
import {CellFault} from "../contracts/interfaces/IFaultProofs.sol";
import {Job, Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {Role, State, Verdict} from "../contracts/interfaces/Types.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {Base} from "./Base.sol";
import {ToyFaultProofs} from "./ToyFaultProofs.sol";
import {Trees} from "./Trees.sol";

/// What a handler needs of the graph that GameBase publishes: nodes 1 and 2 of trees of one leaf and of sixteen.
interface IToyGraph {
    function evidence(uint256 seed, uint256 lie) external view returns (bytes memory);
    function challengeOf(uint256 seed, uint256 lie, uint256 node) external view returns (Challenge memory);
    function tensorOf(uint256 seed, uint256 node) external view returns (bytes memory);
}

/// @title Random play of a consumer, a provider and two challengers, in optimistic jobs that are true or false
/// @notice Looks at every verdict after every move, and keeps what every account should have gained.
contract GameHandler is Base {
    using Trees for bytes32[][];

    uint256 private constant LIE = 2;

    JobMarket private immutable market;
    StakeVault private immutable vault;
    DisputeGame private immutable game;
    MarketToken private immutable token;
    ToyFaultProofs private immutable toy;
    IToyGraph private immutable graph;
    address private immutable consumer;
    address private immutable provider;
    address[2] private _challengers;
    Request private _request;

    bytes32[] public jobs;
    bytes32[] public games;
    mapping(bytes32 jobId => Terms) private _terms;
    mapping(bytes32 jobId => bool) private _false;
    mapping(bytes32 jobId => Verdict) private _seen;
    mapping(bytes32 jobId => address) private _rewarded;
    mapping(bytes32 jobId => State) private _settledAs;
    mapping(Verdict verdict => uint256) public became;
    mapping(State state => uint256) public settled;
    mapping(End end => uint256) public ended;
    /// What games and complaints should have brought an account, credits included.
    mapping(address account => int256) public earned;
    uint256 public donated;
    uint256 private _salts;

    constructor(
        JobMarket m,
        StakeVault v,
        DisputeGame g,
        MarketToken t,
        ToyFaultProofs p,
        IToyGraph graph_,
        address[4] memory people,
        Request memory request
    ) {
        (market, vault, game, token, toy, graph) = (m, v, g, t, p, graph_);
        (consumer, provider) = (people[0], people[1]);
        (_challengers[0], _challengers[1]) = (people[2], people[3]);
        _request = request;
    }

    /// @dev After every move: Rejected stands with whom it rewards, nothing leaves Pending after the window, and what is settled
    /// is what it was settled as.
    modifier watched() {
        _;
        for (uint256 i = 0; i < jobs.length; ++i) {
            bytes32 jobId = jobs[i];
            (Verdict before, Verdict now_) = (_seen[jobId], game.verdictOf(jobId));
            Job memory job = market.jobOf(jobId);
            if (now_ != before) {
                bool inTime = block.timestamp < uint256(job.submittedAt) + job.verificationWindow;
                vm.assertTrue(now_ != Verdict.Accepted, "never said");
                vm.assertTrue(before == Verdict.Disputed || (before == Verdict.Pending && inTime), "verdict");
                _seen[jobId] = now_;
                ++became[now_];
                if (now_ == Verdict.Rejected) _rewarded[jobId] = game.challengerOf(jobId);
            }
            if (now_ == Verdict.Rejected) vm.assertEq(game.challengerOf(jobId), _rewarded[jobId], "challenger");
            else vm.assertEq(game.challengerOf(jobId), address(0), "nobody");
            if (job.settledAt != 0) {
                vm.assertEq(uint256(market.stateOf(jobId)), uint256(_settledAs[jobId]), "settled");
            }
        }
    }

    function count() external view returns (uint256) {
        return jobs.length;
    }

    function gameCount() external view returns (uint256) {
        return games.length;
    }

    // ---------------------------------------------------------------- jobs

    function handIn(bool lie, uint32 window) external watched {
        if (jobs.length > 7) return;
        Request memory r = _request;
        if (vault.freeOf(provider, Role.Provider) < 2 * r.maxPrice) return;
        r.verificationWindow = uint32(_within(window, 60, 2 days));
        (Terms memory terms,) = market.quote(r);
        vm.prank(consumer);
        bytes32 jobId = market.post(r, jobs.length);
        bytes memory evidence = graph.evidence(lie ? 2 : 1, LIE);
        vm.startPrank(provider);
        market.bid(jobId, r.maxPrice, "");
        market.accept(jobId);
        market.submit(jobId, terms, evidence, 0);
        vm.stopPrank();
        if (lie) toy.lie(game.traceOf(jobId).traceRoot, LIE);
        _terms[jobId] = terms;
        _false[jobId] = lie;
        jobs.push(jobId);
    }

    function settle(uint256 which) external watched {
        if (jobs.length != 0) _settle(jobs[which % jobs.length]);
    }

    function _settle(bytes32 jobId) private {
        State state = market.stateOf(jobId);
        try market.settle(jobId, _terms[jobId]) {
            _settledAs[jobId] = state;
            ++settled[state];
        } catch {}
    }

    // ---------------------------------------------------------------- proofs and games

    function prove(uint256 which, uint256 who, uint256 node) external watched {
        if (jobs.length == 0) return;
        bytes32 jobId = jobs[which % jobs.length];
        address account = _challengers[who % 2];
        node = _within(node, 1, 4);
        bytes32 salt = _commit(account, jobId, node, 0);
        bool may = _mayProve(jobId);
        vm.prank(account);
        try game.prove(jobId, _fault(node), salt) {
            vm.assertTrue(may && _false[jobId] && node == LIE, "no fault");
        } catch {
            vm.assertFalse(may && _false[jobId] && node == LIE, "a fault that was refused");
        }
    }

    function open(uint256 which, uint256 who, uint256 node) external watched {
        if (jobs.length == 0 || games.length > 24) return;
        bytes32 jobId = jobs[which % jobs.length];
        address account = _challengers[who % 2];
        node = _within(node, 1, 3);
        bytes32 salt = _commit(account, jobId, node, type(uint256).max);
        Challenge memory challenge = graph.challengeOf(_false[jobId] ? 2 : 1, LIE, node);
        vm.prank(account);
        try game.open(jobId, challenge, salt) returns (bytes32 gameId) {
            games.push(gameId);
            earned[account] -= int256(uint256(game.bond()));
        } catch {}
    }

    /// @dev The next move of a game by whoever's turn it is, or a timeout where nobody moved in time.
    function move(uint256 which, uint256 index) external watched {
        if (games.length == 0) return;
        bytes32 gameId = games[which % games.length];
        Game memory g = game.gameOf(gameId);
        if (g.phase == Phase.Ended || game.traceOf(g.jobId).convictedAt != 0) return;
        if (block.timestamp >= g.deadline) return _timeout(gameId, g);
        bytes32[][] memory levels = Trees.overBytes(_tensor(g));
        if (g.phase == Phase.Prove) return _proveInGame(gameId, g);
        if (g.phase == Phase.Leaf) {
            game.leaf(gameId, Trees.leaf(_tensor(g), g.position));
            return;
        }
        bytes32[] memory hashes = levels.under(g.below, g.position, g.below < 2 ? g.below : 2);
        if (g.phase == Phase.Pick) {
            vm.prank(g.challenger);
            game.pick(gameId, index % hashes.length, hashes);
        } else {
            game.post(gameId, hashes);
        }
    }

    function timeout(uint256 which) external watched {
        if (games.length == 0) return;
        bytes32 gameId = games[which % games.length];
        _timeout(gameId, game.gameOf(gameId));
    }

    function reclaim(uint256 which) external watched {
        if (games.length != 0) _reclaim(games[which % games.length]);
    }

    function _proveInGame(bytes32 gameId, Game memory g) private {
        vm.prank(g.challenger);
        try game.proveInGame(gameId, _fault(g.node)) {
            vm.assertTrue(_false[g.jobId] && g.node == LIE, "no fault");
            _back(g.challenger, End.Proven);
        } catch {
            vm.assertFalse(_false[g.jobId] && g.node == LIE, "a fault that was refused");
        }
    }

    function _timeout(bytes32 gameId, Game memory g) private {
        try game.timeout(gameId) {
            vm.assertTrue(block.timestamp >= g.deadline, "too early");
            if (g.phase == Phase.Pick || g.phase == Phase.Prove) _lose();
            else _back(g.challenger, End.Silent);
        } catch {}
    }

    function _reclaim(bytes32 gameId) private {
        Game memory g = game.gameOf(gameId);
        uint256 convictedAt = game.traceOf(g.jobId).convictedAt;
        try game.reclaim(gameId) {
            vm.assertTrue(convictedAt != 0, "no conviction");
            if ((g.phase == Phase.Pick || g.phase == Phase.Prove) && g.deadline <= convictedAt) _lose();
            else _back(g.challenger, End.Closed);
        } catch {}
    }

    function _back(address challenger, End end) private {
        earned[challenger] += int256(uint256(game.bond()));
        ++ended[end];
    }

    function _lose() private {
        int256 bond = int256(uint256(game.bond()));
        earned[provider] += bond / 2;
        earned[BURN_ADDRESS] += bond - bond / 2;
        ++ended[End.Lost];
    }

    // ---------------------------------------------------------------- delivery

    function complain(uint256 which) external watched {
        if (jobs.length == 0) return;
        vm.prank(consumer);
        try game.complain(jobs[which % jobs.length]) {
            earned[consumer] -= int256(uint256(game.deposit()));
        } catch {}
    }

    function answer(uint256 which) external watched {
        if (jobs.length == 0) return;
        bytes32 jobId = jobs[which % jobs.length];
        uint256[] memory typeWords = new uint256[](1);
        bytes[] memory outputs = new bytes[](1);
        typeWords[0] = 1 << 128 | 1 << 96 | 1 << 64 | 1 << 32 | 10;
        outputs[0] = graph.tensorOf(_false[jobId] ? 2 : 1, 4);
        vm.prank(provider);
        try game.answer(jobId, typeWords, outputs) {} catch {}
    }

    function collect(uint256 which, bool byProvider) external watched {
        if (jobs.length != 0) _collect(jobs[which % jobs.length], byProvider ? provider : consumer);
    }

    function _collect(bytes32 jobId, address account) private {
        bool answered = game.complaintOf(jobId).answered;
        vm.prank(account);
        try game.collect(jobId) {
            vm.assertTrue(answered == (account == provider), "whose deposit");
            earned[account] += int256(uint256(game.deposit()));
        } catch {}
    }

    // ---------------------------------------------------------------- the rest

    function draw(uint256 who) external watched {
        address[3] memory people = [_challengers[0], _challengers[1], provider];
        vm.prank(people[who % 3]);
        try game.withdraw() {} catch {}
        try game.burn() {} catch {}
    }

    function donate(uint256 amount) external {
        amount = _within(amount, 0, 1e18);
        if (token.balanceOf(address(this)) < amount) return;
        token.transfer(address(game), amount);
        donated += amount;
    }

    function wait(uint32 seconds_) external watched {
        vm.warp(block.timestamp + _within(seconds_, 1, 16 hours));
    }

    /// @dev Every clock ends, every game, complaint and job with it; all that is somebody's is credited.
    function finish() external watched {
        vm.warp(block.timestamp + 4 days);
        for (uint256 i = 0; i < games.length; ++i) {
            _timeout(games[i], game.gameOf(games[i]));
        }
        for (uint256 i = 0; i < games.length; ++i) {
            _reclaim(games[i]);
        }
        for (uint256 i = 0; i < jobs.length; ++i) {
            _settle(jobs[i]);
            _collect(jobs[i], consumer);
            _collect(jobs[i], provider);
        }
    }

    /// @dev The job is Submitted or Disputed, as the market says it.
    function _mayProve(bytes32 jobId) private view returns (bool) {
        State state = market.stateOf(jobId);
        return state == State.Submitted || state == State.Disputed;
    }

    function _tensor(Game memory g) private view returns (bytes memory) {
        return graph.tensorOf(_false[g.jobId] && g.node >= LIE ? 2 : 1, g.node);
    }

    function _fault(uint256 node) private pure returns (CellFault memory fault) {
        fault.node = node;
    }

    function _commit(address account, bytes32 jobId, uint256 node, uint256 index) private returns (bytes32 salt) {
        salt = bytes32(++_salts);
        bytes32 commitment = keccak256(
            abi.encode(keccak256("mlm/challenge/1"), block.chainid, address(game), account, jobId, node, index, salt)
        );
        vm.prank(account);
        game.commit(commitment);
        vm.roll(block.number + 1);
    }
}
