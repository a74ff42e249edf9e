// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ServingBonds} from "../contracts/ServingBonds.sol";
import {IServingBondsErrors as Errors} from "../contracts/errors/IServingBondsErrors.sol";
import {Publication, TierKey} from "../contracts/interfaces/IAssetRegistry.sol";
import {Phase} from "../contracts/interfaces/IDisputeGame.sol";
import {Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {ChannelTerms} from "../contracts/interfaces/IPaymentChannels.sol";
import {Statement} from "../contracts/interfaces/IServingBonds.sol";
import {State, Tier} from "../contracts/interfaces/Types.sol";
import {MIN_UNBONDING} from "../contracts/libraries/Limits.sol";
import {BondBase} from "./BondBase.sol";
import {HookedToken, IHook} from "./HookedToken.sol";
import {Shipped} from "./Shipped.sol";

/// Payees that would keep their bond, payers that would take it from whoever said the truth. What a play costs, all accounts of the
/// attacker together, is logged and stands in docs/attacks.md.
contract ServingBondsHostileTest is BondBase {
    event log_named_decimal_uint(string key, uint256 val, uint256 decimals);

    uint256 private _at;

    /// @dev All that these accounts have, wherever it lies.
    function _worth(address[2] memory gang) private view returns (uint256 sum) {
        for (uint256 i = 0; i < 2; ++i) {
            address account = gang[i];
            sum += token.balanceOf(account) + bonds.creditOf(account) + market.creditOf(account)
            + game.creditOf(account) + _stakeOf(account);
            sum += bonds.bondOf(account, exactVersion).held + bonds.bondOf(account, exactVersion).unbonding;
        }
    }

    function _costs(string memory what, address[2] memory gang, uint256 had) private {
        emit log_named_decimal_uint(what, had - _worth(gang), 18);
    }

    /// @dev A job of CONSUMER and ALICE, who are one: it came to what the payee's true statement contradicts.
    function _falseJob() private returns (bytes32 jobId, Terms memory terms) {
        (jobId, terms) = _run(CONSUMER, _exactRequest(), _roots(2, 1));
        toy.lie(game.traceOf(jobId).traceRoot, 1);
    }

    function _trueStatement(uint64 call) private returns (Statement memory) {
        return _says(_channel(CONSUMER), call, _true());
    }

    // ---------------------------------------------------------------- false accusations

    /// The inputs stand in the accusation: whoever runs them convicts the job, and nothing the payer.
    function test_aFalseJobIsConvicted() public {
        _channel(CONSUMER);
        address[2] memory gang = [CONSUMER, ALICE];
        uint256 had = _worth(gang);
        bytes32 id = _accuse(CONSUMER, _trueStatement(1));
        (bytes32 jobId, Terms memory terms) = _falseJob();
        _prove(CAROL, jobId, 1, 0);
        market.settle(jobId, terms);
        _convictionFails(id, jobId, terms);
        vm.warp(START + WINDOW);
        bonds.lapse(id);
        _needBond(HELD, 0);
        vm.assertEq(bonds.creditOf(payee), ACCUSING / 2);
        _costs("false job against a true statement", gang, had);
    }

    function _convictionFails(bytes32 id, bytes32 jobId, Terms memory terms) private {
        vm.expectRevert(abi.encodeWithSelector(Errors.JobNotAccepted.selector, jobId, State.Rejected));
        vm.prank(CONSUMER);
        bonds.convict(id, jobId, terms);
    }

    /// Who is found out can take the challenger's half itself, and loses the other.
    function test_aFalseJobIsConvictedByItsOwn() public {
        _channel(CONSUMER);
        address[2] memory gang = [CONSUMER, ALICE];
        uint256 had = _worth(gang);
        bytes32 id = _accuse(CONSUMER, _trueStatement(1));
        (bytes32 jobId, Terms memory terms) = _falseJob();
        _prove(ALICE, jobId, 1, 0);
        market.settle(jobId, terms);
        vm.warp(START + WINDOW);
        bonds.lapse(id);
        _costs("false job that its own provider challenges when it is found out", gang, had);
    }

    /// Where nobody looks within the window, all accusations by one false job take no more than was at stake for it.
    function test_oneFalseJobForManyStatements() public {
        bytes32[5] memory ids;
        for (uint64 i = 0; i < 5; ++i) {
            ids[i] = _accuse(CONSUMER, _trueStatement(i));
        }
        (bytes32 jobId, Terms memory terms) = _falseJob();
        vm.warp(START + JUDGING);
        vm.assertEq(_convict(ids[0], jobId, terms), LOCK);
        for (uint256 i = 1; i < 5; ++i) {
            vm.assertEq(_convict(ids[i], jobId, terms), 0);
        }
        vm.assertEq(bonds.takenBy(jobId), LOCK);
        _needBond(HELD - LOCK, 0);
        vm.assertEq(bonds.creditOf(CONSUMER), LOCK / 2 + 5 * ACCUSING);
        _needCovered(0);
    }

    /// Nobody else's job, however many say the same: its lock is for the accusations of whoever paid it.
    function test_aJobOfSomebodyElseProvesNothing() public {
        bytes32 id = _accused(1);
        bytes32 others = _accuse(BOB, _says(_channel(BOB), 1, FALSE));
        (bytes32 jobId, Terms memory terms) = _judged(CONSUMER);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotConsumer.selector, jobId, BOB, CONSUMER));
        vm.prank(BOB);
        bonds.convict(others, jobId, terms);
        vm.assertEq(_convict(id, jobId, terms), LOCK);
    }

    /// What is put up while the job runs is at stake as what was there; never more than the job's lock.
    function test_depositsAfterTheJobWasPosted() public {
        vm.prank(payee);
        bonds.requestWithdraw(exactVersion, HELD - ONE);
        bytes32 id = _accused(1);
        (bytes32 jobId, Terms memory terms) = _judged(CONSUMER);
        vm.prank(payee);
        bonds.deposit(exactVersion, 5_000 * ONE);
        vm.assertEq(_convict(id, jobId, terms), LOCK);
        _needBond(5_001 * ONE, HELD - ONE - LOCK);
    }

    // ---------------------------------------------------------------- a bond that would not be taken

    /// What is on its way out is at stake until it is out, and no sooner out because somebody has accused.
    function test_aWithdrawalDoesNotOutrunAnAccusation() public {
        vm.prank(payee);
        bonds.requestWithdraw(exactVersion, HELD);
        vm.warp(START + MIN_UNBONDING - 1);
        bytes32 id = _accused(1);
        vm.warp(START + MIN_UNBONDING);
        bytes memory held = abi.encodeWithSelector(
            Errors.BondNotReleased.selector, payee, exactVersion, START + MIN_UNBONDING - 1 + WINDOW
        );
        vm.expectRevert(held);
        vm.prank(payee);
        bonds.withdrawBond(exactVersion);
        (bytes32 jobId, Terms memory terms) = _judged(CONSUMER);
        vm.assertEq(_convict(id, jobId, terms), LOCK);
        // What is left comes out when the accusation would have lapsed.
        vm.warp(START + MIN_UNBONDING - 1 + WINDOW);
        vm.prank(payee);
        vm.assertEq(bonds.withdrawBond(exactVersion), HELD - LOCK);
        _needCovered(0);
    }

    /// However often somebody accuses for nothing, a withdrawal waits for one window, and each accusation costs its deposit.
    function test_accusationsHoldUpForOneWindow() public {
        _channel(BOB);
        address[2] memory gang = [BOB, BOB];
        uint256 had = _worth(gang) / 2;
        vm.prank(payee);
        bonds.requestWithdraw(exactVersion, HELD);
        bytes32[20] memory ids;
        vm.warp(START + MIN_UNBONDING - 1);
        ids[0] = _accuse(BOB, _says(_channel(BOB), 0, _true()));
        for (uint64 i = 1; i < 20; ++i) {
            vm.warp(START + MIN_UNBONDING - 1 + i * WINDOW / 20);
            ids[i] = _accuse(BOB, _says(_channel(BOB), i, _true()));
        }
        vm.warp(START + MIN_UNBONDING - 1 + WINDOW);
        vm.prank(payee);
        vm.assertEq(bonds.withdrawBond(exactVersion), HELD);
        vm.warp(START + MIN_UNBONDING + 2 * uint256(WINDOW));
        for (uint256 i = 0; i < 20; ++i) {
            bonds.lapse(ids[i]);
        }
        vm.assertEq(bonds.creditOf(payee), 10 * ACCUSING);
        uint256 has = _worth(gang) / 2;
        emit log_named_decimal_uint("twenty accusations of the truth, to hold up a withdrawal", had - has, 18);
        _needCovered(0);
    }

    /// A job with a small lock would end the accusation for little: nobody but the accuser says which job it is.
    function test_aCheapJobInPlaceOfTheAccusers() public {
        bytes32 id = _accused(1);
        Request memory request = _exactRequest();
        request.maxPrice = 5 * ONE;
        (bytes32 cheap, Terms memory terms) = _run(DAVE, request, _honest());
        (bytes32 jobId, Terms memory own) = _judged(CONSUMER);
        bytes memory reason = abi.encodeWithSelector(Errors.NotAccuser.selector, id, CONSUMER, DAVE);
        vm.startPrank(DAVE);
        vm.expectRevert(reason);
        bonds.convict(id, cheap, terms);
        vm.expectRevert(reason);
        bonds.convict(id, jobId, own);
        vm.stopPrank();
        vm.assertEq(_convict(id, jobId, own), LOCK);
    }

    /// Whoever is found out convicts itself first, of something else: half burns, and the payer is not out of its deposit.
    function test_aPayeeThatConvictsItself() public {
        address[2] memory gang = [payee, BOB];
        ChannelTerms memory terms = _channel(BOB);
        uint256 had = _worth(gang);
        bytes32 id = _accused(1);
        Statement memory second = _says(terms, 2, _true());
        Statement memory first = _says(terms, 1, FALSE);
        vm.prank(BOB);
        vm.assertEq(bonds.contradict(terms, first, second), HELD);
        _costs("payee that contradicts itself, to itself, in front of its conviction", gang, had);
        vm.assertEq(had - _worth(gang), HELD / 2);
        vm.warp(START + WINDOW);
        bonds.lapse(id);
        vm.assertEq(bonds.creditOf(CONSUMER), ACCUSING);
        _needCovered(0);
    }

    /// The same by an accusation and a job of its own.
    function test_aPayeeThatAccusesItself() public {
        _channel(BOB);
        address[2] memory gang = [payee, BOB];
        uint256 had = _worth(gang);
        bytes32 id = _accuse(BOB, _says(_channel(BOB), 1, FALSE));
        (bytes32 jobId, Terms memory terms) = _run(BOB, _exactRequest(), _honest());
        vm.warp(START + JUDGING);
        vm.assertEq(_convict(id, jobId, terms), LOCK);
        _costs("payee that accuses itself, and pays the job that convicts it", gang, had);
        vm.assertEq(had - _worth(gang), LOCK / 2 + MAX_PRICE);
    }

    /// Games upon a true job hold it up for their clocks, and cost their bonds; the accusation stands for longer.
    function test_gamesUponTheAccusersJobEndInTime() public {
        address[2] memory gang = [payee, DAVE];
        uint256 had = _worth(gang);
        bytes32 id = _accused(1);
        (bytes32 jobId, Terms memory terms) = _run(CONSUMER, _exactRequest(), _honest());
        vm.warp(START + JUDGING - 1);
        bytes32 gameId = _open(DAVE, jobId, _honest(), 1);
        while (game.gameOf(gameId).phase != Phase.Prove) {
            // Each at the last moment; the challenger has nothing to prove at the end.
            vm.warp(game.gameOf(gameId).deadline - 1);
            Phase phase = game.gameOf(gameId).phase;
            if (phase == Phase.Pick) _pick(gameId, 1, 1);
            else if (phase == Phase.Leaf) _leaf(gameId, 1);
            else _post(gameId, 1);
        }
        _needState(jobId, State.Disputed);
        vm.warp(game.gameOf(gameId).deadline);
        game.timeout(gameId);
        _needState(jobId, State.Accepted);
        vm.assertLe(block.timestamp, START + JUDGING + 2 days);
        vm.assertEq(_convict(id, jobId, terms), LOCK);
        vm.assertEq(had - _worth(gang), LOCK + BOND);
        emit log_named_decimal_uint("game upon the accuser's true job, to hold it up", BOND, 18);
    }

    /// Of a version with the same graph, by the same key: another asset, another bond.
    function test_aJobOfAnotherVersion() public {
        Publication memory p = _publication("labs", "copy", "1.0.0", "manifest of a copy");
        p.keys = new TierKey[](1);
        p.keys[0] = TierKey(Tier.Optimistic, _key(graphRoot, NODES, 1, 1));
        (, bytes32 copy) = _publish(OWNER, p);
        bytes32 id = _accused(1);
        Request memory request = _exactRequest();
        request.versionId = copy;
        bytes32[] memory inputs = new bytes32[](1);
        inputs[0] = _honest()[0];
        request.inputCommitment = _inputCommitment(copy, inputs);
        (bytes32 jobId, Terms memory terms) = _run(CONSUMER, request, _honest());
        vm.warp(block.timestamp + JUDGING);
        vm.expectRevert(abi.encodeWithSelector(Errors.VersionMismatch.selector, exactVersion, copy));
        vm.prank(CONSUMER);
        bonds.convict(id, jobId, terms);
    }

    // ---------------------------------------------------------------- a token that calls back

    function test_nobodyEntersDuringAPayment() public {
        HookedToken hooked = new HookedToken();
        bonds = Shipped.servingBonds(IERC20(address(hooked)), market, channels, _bondParams());
        Caller mallory = new Caller(hooked, bonds);
        hooked.mint(address(mallory), 100 * ONE);
        hooked.mint(payee, 100 * ONE);
        vm.startPrank(payee);
        hooked.approve(address(bonds), type(uint256).max);
        bonds.deposit(exactVersion, 100 * ONE);
        vm.stopPrank();
        mallory.run(abi.encodeCall(bonds.deposit, (exactVersion, 60 * ONE)));
        mallory.run(abi.encodeCall(bonds.requestWithdraw, (exactVersion, 40 * ONE)));
        vm.warp(START + MIN_UNBONDING);
        bytes[] memory moves = new bytes[](4);
        moves[0] = abi.encodeCall(bonds.withdrawBond, (exactVersion));
        moves[1] = abi.encodeCall(bonds.deposit, (exactVersion, ONE));
        moves[2] = abi.encodeCall(bonds.withdraw, ());
        bytes[] memory inner = new bytes[](1);
        inner[0] = moves[0];
        moves[3] = abi.encodeCall(bonds.multicall, (inner));
        mallory.plan(moves);
        mallory.run(abi.encodeCall(bonds.withdrawBond, (exactVersion)));
        vm.assertTrue(mallory.tried() >= 4);
        vm.assertEq(mallory.succeeded(), 0);
        vm.assertEq(hooked.balanceOf(address(mallory)), 80 * ONE);
        // What is not paid yet can begin to leave, and waits.
        moves = new bytes[](2);
        moves[0] = abi.encodeCall(bonds.requestWithdraw, (exactVersion, 30 * ONE));
        moves[1] = abi.encodeCall(bonds.withdrawBond, (exactVersion));
        mallory.plan(moves);
        mallory.run(abi.encodeCall(bonds.deposit, (exactVersion, 10 * ONE)));
        vm.assertEq(mallory.succeeded(), 1);
        vm.assertEq(hooked.balanceOf(address(bonds)), 130 * ONE);
        vm.assertEq(bonds.bondOf(address(mallory), exactVersion).unbonding, 30 * ONE);
        vm.assertEq(bonds.bondOf(address(mallory), exactVersion).held, 0);
    }
}

/// Somebody who is called in the middle of every transfer, and tries `moves` then.
contract Caller is IHook {
    ServingBonds private immutable bonds;
    bytes[] private _moves;
    uint256 public tried;
    uint256 public succeeded;

    constructor(HookedToken token, ServingBonds bonds_) {
        bonds = bonds_;
        token.listen();
        token.approve(address(bonds_), type(uint256).max);
    }

    function plan(bytes[] memory moves) external {
        (_moves, tried, succeeded) = (moves, 0, 0);
    }

    function run(bytes calldata call) external {
        (bool ok,) = address(bonds).call(call);
        require(ok, "refused");
    }

    function tokensMove(address, address, uint256, bool) external {
        for (uint256 i = 0; i < _moves.length; ++i) {
            ++tried;
            (bool ok,) = address(bonds).call(_moves[i]);
            if (ok) ++succeeded;
        }
    }
}
