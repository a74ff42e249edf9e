// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {IServingBondsErrors as Errors} from "../contracts/errors/IServingBondsErrors.sol";
import {IJobMarket, Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {ChannelTerms, IPaymentChannels} from "../contracts/interfaces/IPaymentChannels.sol";
import {Accusation, BondParams, IServingBonds, Statement} from "../contracts/interfaces/IServingBonds.sol";
import {Reason, State} from "../contracts/interfaces/Types.sol";
import {BURN_ADDRESS, MAX_UNBONDING, MAX_WINDOW, MIN_UNBONDING} from "../contracts/libraries/Limits.sol";
import {BondBase} from "./BondBase.sol";
import {Shipped} from "./Shipped.sol";
import {Statements} from "./Statements.sol";
import {TaxedToken} from "./TaxedToken.sol";

/// Bonds, accusations, and what proves them.
contract ServingBondsTest is BondBase {
    using Statements for Statement;

    function _until(uint256 releasedAt) private view returns (bytes memory) {
        return abi.encodeWithSelector(Errors.BondNotReleased.selector, payee, exactVersion, releasedAt);
    }

    // ---------------------------------------------------------------- bonds

    function test_aBondComesInAndGoesOut() public {
        _needBond(HELD, 0);
        uint48 releaseAt = uint48(START + MIN_UNBONDING);
        vm.startPrank(payee);
        vm.expectEmit(address(bonds));
        emit IServingBonds.BondUnbonding(payee, exactVersion, 200 * ONE, releaseAt);
        bonds.requestWithdraw(exactVersion, 200 * ONE);
        _needBond(HELD - 200 * ONE, 200 * ONE);
        vm.warp(releaseAt - 1);
        vm.expectRevert(_until(releaseAt));
        bonds.withdrawBond(exactVersion);
        vm.warp(releaseAt);
        vm.expectEmit(address(bonds));
        emit IServingBonds.BondWithdrawn(payee, exactVersion, 200 * ONE);
        vm.assertEq(bonds.withdrawBond(exactVersion), 200 * ONE);
        vm.expectRevert(abi.encodeWithSelector(Errors.BondMissing.selector, payee, exactVersion));
        bonds.withdrawBond(exactVersion);
        vm.stopPrank();
        vm.assertEq(token.balanceOf(payee), 10_000 * ONE - HELD + 200 * ONE);
        _needCovered(0);
    }

    /// What unbonds already waits for what is added to it.
    function test_aSecondRequestBeginsAgain() public {
        vm.startPrank(payee);
        bonds.requestWithdraw(exactVersion, ONE);
        vm.warp(START + 10 days);
        bonds.requestWithdraw(exactVersion, ONE);
        vm.warp(START + MIN_UNBONDING);
        vm.expectRevert(_until(START + 10 days + MIN_UNBONDING));
        bonds.withdrawBond(exactVersion);
        vm.warp(START + 10 days + MIN_UNBONDING);
        vm.assertEq(bonds.withdrawBond(exactVersion), 2 * ONE);
        vm.stopPrank();
    }

    function test_amountsThatAreRefused() public {
        vm.startPrank(payee);
        bytes memory zero = abi.encodeWithSelector(Errors.BondAmountZero.selector, payee, exactVersion);
        vm.expectRevert(zero);
        bonds.deposit(exactVersion, 0);
        vm.expectRevert(zero);
        bonds.requestWithdraw(exactVersion, 0);
        vm.expectRevert(
            abi.encodeWithSelector(Errors.BondTooLow.selector, payee, exactVersion, uint256(HELD) + 1, uint256(HELD))
        );
        bonds.requestWithdraw(exactVersion, HELD + 1);
        // What is behind another version is no part of this one.
        vm.expectRevert(abi.encodeWithSelector(Errors.BondTooLow.selector, payee, versionId, 1, 0));
        bonds.requestWithdraw(versionId, 1);
        vm.stopPrank();
    }

    function test_aTaxedTokenIsRefused() public {
        TaxedToken taxed = new TaxedToken();
        taxed.mint(address(this), 100 * ONE);
        IServingBonds other = Shipped.servingBonds(IERC20(address(taxed)), market, channels, _bondParams());
        taxed.approve(address(other), type(uint256).max);
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentErrors.InexactTransfer.selector, address(taxed), 100 * ONE, 99 * ONE)
        );
        other.deposit(exactVersion, 100 * ONE);
    }

    // ---------------------------------------------------------------- accusations

    function test_anAccusationShowsTheInputs() public {
        ChannelTerms memory terms = _channel(CONSUMER);
        Statement memory s = _says(terms, 3, FALSE);
        (uint256[] memory typeWords, bytes[] memory inputs) = _inputs();
        bytes32 expected = s.idOf(address(bonds));
        uint48 lapsesAt = uint48(START) + WINDOW;
        vm.expectEmit(address(bonds));
        emit IServingBonds.PayeeAccused(expected, exactVersion, payee, CONSUMER, s, typeWords, inputs, lapsesAt);
        vm.prank(CONSUMER);
        vm.assertEq(bonds.accuse(terms, s, typeWords, inputs), expected);
        Accusation memory found = bonds.accusationOf(expected);
        vm.assertEq(found.payee, payee);
        vm.assertEq(found.payer, CONSUMER);
        vm.assertEq(found.accusedAt, START);
        vm.assertEq(found.lapsesAt, lapsesAt);
        vm.assertEq(found.versionId, exactVersion);
        vm.assertEq(found.exactInput, s.exactInput);
        vm.assertEq(found.exactOutput, FALSE);
        vm.assertFalse(found.ended, "ended");
        _needCovered(1);
    }

    /// It is about what was signed, not about the channel's money.
    function test_aStatementOutlivesItsChannel() public {
        Statement memory s = _says(_channel(CONSUMER), 1, FALSE);
        vm.warp(START + 20 days);
        channels.refund(_channel(CONSUMER));
        bytes32 id = _accuse(CONSUMER, s);
        (bytes32 jobId, Terms memory terms) = _judged(CONSUMER);
        vm.assertEq(_convict(id, jobId, terms), LOCK);
    }

    // ---------------------------------------------------------------- convictions

    /// From the payee's signature to the unit: an ordinary job, which nobody could convict, came to something else.
    function test_anAcceptedJobConvicts() public {
        bytes32 id = _accused(1);
        uint256 before = token.balanceOf(CONSUMER);
        (bytes32 jobId, Terms memory terms) = _judged(CONSUMER);
        vm.expectEmit(address(bonds));
        emit IServingBonds.BondCredited(id, CONSUMER, Reason.ChallengerReward, LOCK / 2);
        vm.expectEmit(address(bonds));
        emit IServingBonds.BondCredited(id, BURN_ADDRESS, Reason.Burn, LOCK / 2);
        vm.expectEmit(address(bonds));
        emit IServingBonds.PayeeConvicted(id, exactVersion, payee, CONSUMER, jobId, _true(), LOCK);
        vm.expectEmit(address(bonds));
        emit IServingBonds.BondCredited(id, CONSUMER, Reason.Refund, ACCUSING);
        vm.assertEq(_convict(id, jobId, terms), LOCK);
        _needBond(HELD - LOCK, 0);
        _needEnded(id);
        vm.assertTrue(bonds.isSpent(id));
        vm.assertEq(bonds.takenBy(jobId), LOCK);
        vm.assertEq(_bond().convictedAt, block.timestamp);
        _needCovered(0);
        vm.prank(CONSUMER);
        vm.assertEq(bonds.withdraw(), LOCK / 2 + ACCUSING);
        vm.assertEq(bonds.burn(), LOCK / 2);
        vm.assertEq(token.balanceOf(CONSUMER), before - MAX_PRICE + LOCK / 2 + ACCUSING);
        vm.assertEq(bonds.totalCredit(), 0);
        // The job is paid as any other.
        market.settle(jobId, terms);
        _needSettled(jobId, State.Accepted);
    }

    /// A settled job tells as much.
    function test_aSettledJobConvicts() public {
        bytes32 id = _accused(1);
        (bytes32 jobId, Terms memory terms) = _judged(CONSUMER);
        market.settle(jobId, terms);
        vm.assertEq(_convict(id, jobId, terms), LOCK);
    }

    /// Who says what is at risk has as much locked, and as much taken.
    function test_aValueAtRiskReachesTheWholeBond() public {
        bytes32 id = _accused(1);
        Request memory request = _exactRequest();
        request.valueAtRisk = uint96(HELD / 2 - MAX_PRICE);
        (bytes32 jobId, Terms memory terms) = _run(CONSUMER, request, _honest());
        vm.warp(block.timestamp + JUDGING);
        vm.assertEq(_convict(id, jobId, terms), HELD);
        _needBond(0, 0);
    }

    /// First what unbonds: what stays then stays for longer.
    function test_whatUnbondsIsSlashedFirst() public {
        vm.prank(payee);
        bonds.requestWithdraw(exactVersion, 150 * ONE);
        bytes32 id = _accused(1);
        (bytes32 jobId, Terms memory terms) = _judged(CONSUMER);
        vm.assertEq(_convict(id, jobId, terms), LOCK);
        _needBond(HELD - LOCK, 0);
        vm.prank(payee);
        bonds.requestWithdraw(exactVersion, 250 * ONE);
        bytes32 second = _accused(2);
        (jobId, terms) = _judged(CONSUMER);
        vm.assertEq(_convict(second, jobId, terms), LOCK);
        _needBond(50 * ONE, 50 * ONE);
        _needCovered(0);
    }

    /// Each conviction takes what is left; whoever comes last finds nothing, and has its deposit back all the same.
    function test_whatSeveralTake() public {
        bytes32[4] memory ids;
        bytes32[4] memory jobs;
        Terms[4] memory terms;
        for (uint64 i = 0; i < 4; ++i) {
            ids[i] = _accused(i);
        }
        for (uint256 i = 0; i < 4; ++i) {
            (jobs[i], terms[i]) = _judged(CONSUMER);
        }
        vm.assertEq(_convict(ids[0], jobs[0], terms[0]), LOCK);
        vm.assertEq(_convict(ids[1], jobs[1], terms[1]), LOCK);
        vm.assertEq(_convict(ids[2], jobs[2], terms[2]), HELD - 2 * LOCK);
        uint256 credit = bonds.creditOf(CONSUMER);
        vm.assertEq(_convict(ids[3], jobs[3], terms[3]), 0);
        vm.assertEq(bonds.creditOf(CONSUMER), credit + ACCUSING);
        _needBond(0, 0);
        _needCovered(0);
    }

    // ---------------------------------------------------------------- contradictions

    function test_twoStatementsContradict() public {
        ChannelTerms memory terms = _channel(CONSUMER);
        Statement memory first = _says(terms, 1, FALSE);
        // The other was said to somebody else.
        Statement memory second = _says(_channel(BOB), 9, keccak256("another"));
        vm.prank(payee);
        bonds.requestWithdraw(exactVersion, 100 * ONE);
        vm.expectEmit(address(bonds));
        emit IServingBonds.PayeeConvicted(
            first.idOf(address(bonds)), exactVersion, payee, CONSUMER, 0, keccak256("another"), HELD
        );
        vm.prank(CONSUMER);
        vm.assertEq(bonds.contradict(terms, first, second), HELD);
        _needBond(0, 0);
        vm.assertEq(bonds.creditOf(CONSUMER), HELD / 2);
        vm.assertEq(bonds.creditOf(BURN_ADDRESS), HELD / 2);
        _needCovered(0);
    }

    /// Whoever finds a contradiction after it has accused needs no job any more.
    function test_aContradictionEndsTheAccusation() public {
        ChannelTerms memory terms = _channel(CONSUMER);
        Statement memory first = _says(terms, 1, FALSE);
        bytes32 id = _accuse(CONSUMER, first);
        Statement memory second = _says(terms, 2, _true());
        vm.prank(CONSUMER);
        bonds.contradict(terms, first, second);
        _needEnded(id);
        vm.assertEq(bonds.creditOf(CONSUMER), HELD / 2 + ACCUSING);
        _needCovered(0);
    }

    // ---------------------------------------------------------------- lapses

    /// Half of the deposit is for whoever was accused for nothing.
    function test_anAccusationLapses() public {
        bytes32 id = _accused(1);
        vm.warp(START + WINDOW - 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.AccusationStands.selector, id, START + WINDOW));
        bonds.lapse(id);
        vm.warp(START + WINDOW);
        vm.expectEmit(address(bonds));
        emit IServingBonds.AccusationLapsed(id, exactVersion, payee);
        vm.expectEmit(address(bonds));
        emit IServingBonds.BondCredited(id, payee, Reason.GasCompensation, ACCUSING / 2);
        vm.expectEmit(address(bonds));
        emit IServingBonds.BondCredited(id, BURN_ADDRESS, Reason.Burn, ACCUSING / 2);
        vm.prank(ANYONE);
        bonds.lapse(id);
        _needEnded(id);
        vm.assertFalse(bonds.isSpent(id), "spent");
        vm.expectRevert(abi.encodeWithSelector(Errors.AccusationNotOpen.selector, id));
        bonds.lapse(id);
        bytes32 none = keccak256("nobody has accused");
        vm.expectRevert(abi.encodeWithSelector(Errors.AccusationNotOpen.selector, none));
        bonds.lapse(none);
        _needBond(HELD, 0);
        _needCovered(0);
    }

    /// A job that came late, or failed: for another deposit the same statement is accused again.
    function test_aLapsedAccusationIsMadeAgain() public {
        bytes32 id = _accused(1);
        vm.warp(START + WINDOW);
        bonds.lapse(id);
        ChannelTerms memory terms = _channel(CONSUMER);
        Statement memory s = _says(terms, 1, FALSE);
        s.servedAt = uint64(START);
        vm.assertEq(_accuse(CONSUMER, _signed(s)), id);
        vm.assertEq(bonds.accusationOf(id).lapsesAt, START + 2 * uint256(WINDOW));
        (bytes32 jobId, Terms memory jobTerms) = _judged(CONSUMER);
        vm.assertEq(_convict(id, jobId, jobTerms), LOCK);
    }

    /// Until somebody has ended it, it can be proven.
    function test_aLateProof() public {
        bytes32 id = _accused(1);
        (bytes32 jobId, Terms memory terms) = _judged(CONSUMER);
        vm.warp(START + WINDOW + 1);
        vm.assertEq(_convict(id, jobId, terms), LOCK);
    }

    /// Who was right, and found that another had taken it all, loses nothing for not having it proven again.
    function test_ofAConvictedPayeeTheDepositComesBack() public {
        bytes32 id = _accused(1);
        bytes32 other = _accuse(BOB, _says(_channel(BOB), 1, FALSE));
        (bytes32 jobId, Terms memory terms) = _judged(CONSUMER);
        _convict(id, jobId, terms);
        vm.warp(START + WINDOW);
        vm.expectEmit(address(bonds));
        emit IServingBonds.BondCredited(other, BOB, Reason.Refund, ACCUSING);
        bonds.lapse(other);
        vm.assertEq(bonds.creditOf(payee), 0);
        _needCovered(0);
        // One made after that is like any other.
        id = _accused(2);
        vm.warp(START + 2 * uint256(WINDOW));
        bonds.lapse(id);
        vm.assertEq(bonds.creditOf(payee), ACCUSING / 2);
    }

    // ---------------------------------------------------------------- parameters

    function _refused(BondParams memory params, string memory name, uint256 actual, uint256 least, uint256 most)
        private
    {
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.ParameterOutOfBounds.selector, name, actual, least, most));
        Shipped.servingBonds(token, market, channels, params);
    }

    function test_parametersHaveBounds() public {
        BondParams memory p = _bondParams();
        p.accusationDeposit = 0;
        _refused(p, "accusationDeposit", 0, 1, type(uint128).max);
        p = _bondParams();
        p.unbondingPeriod = uint48(MIN_UNBONDING) - 1;
        _refused(p, "unbondingPeriod", p.unbondingPeriod, MIN_UNBONDING, MAX_UNBONDING);
        p = _bondParams();
        p.minVerification = 1 hours - 1;
        _refused(p, "minVerification", p.minVerification, 1 hours, MAX_WINDOW);
        p.minVerification = uint32(MAX_WINDOW) + 1;
        _refused(p, "minVerification", p.minVerification, 1 hours, MAX_WINDOW);
        p = _bondParams();
        p.accusationWindow = 4 days - 1;
        _refused(p, "accusationWindow", p.accusationWindow, 4 days, MIN_UNBONDING);
        p.accusationWindow = uint48(MIN_UNBONDING) + 1;
        _refused(p, "accusationWindow", p.accusationWindow, 4 days, MIN_UNBONDING);
        vm.assertEq(bonds.accusationDeposit(), ACCUSING);
        vm.assertEq(bonds.unbondingPeriod(), MIN_UNBONDING);
        vm.assertEq(bonds.accusationWindow(), WINDOW);
        vm.assertEq(bonds.minVerification(), JUDGING);
    }

    function test_whatItReadsMustBeThere() public {
        BondParams memory p = _bondParams();
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "market"));
        Shipped.servingBonds(token, IJobMarket(ANYONE), channels, p);
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, "channels"));
        Shipped.servingBonds(token, market, IPaymentChannels(ANYONE), p);
    }
}
