// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {MarketToken} from "../contracts/MarketToken.sol";
import {Unverified} from "../contracts/Unverified.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {IComplaintErrors} from "../contracts/errors/IComplaintErrors.sol";
import {IUnverifiedErrors as Errors} from "../contracts/errors/IUnverifiedErrors.sol";
import {Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {IComplaints} from "../contracts/interfaces/IComplaints.sol";
import {IUnverified} from "../contracts/interfaces/IUnverified.sol";
import {AuctionKind, Role, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {HookedToken, IHook} from "./HookedToken.sol";
import {FeeToken, IssuedToken, RebasingToken, SilentToken} from "./Tokens.sol";
import {UnverifiedBase} from "./UnverifiedBase.sol";

/// Somebody who is called in the middle of every transfer, and then tries `moves`.
contract Meddler is IHook {
    address[] private _targets;
    bytes[] private _moves;
    bool[] public worked;

    constructor(HookedToken token) {
        token.listen();
    }

    function plan(address target, bytes calldata move) external {
        _targets.push(target);
        _moves.push(move);
    }

    function run(address target, bytes memory call) public returns (bool ok) {
        (ok,) = target.call(call);
    }

    function tokensMove(address, address, uint256, bool) external {
        for (uint256 i = 0; i < _moves.length; ++i) {
            worked.push(run(_targets[i], _moves[i]));
        }
    }

    function count() external view returns (uint256) {
        return worked.length;
    }
}

/// Complaints in tokens that are not plain, that change, and that call back.
contract UnverifiedHostileTest is UnverifiedBase {
    uint256 private constant SUPPLY = 1e45;
    uint256 private _nonce;

    // ---------------------------------------------------------------- tokens, to the unit

    /// USDT, of 6 and of no decimals, and a token of 36: a deposit is any number of base units.
    /// forge-config: default.fuzz.runs = 64
    /// forge-config: fuzz.fuzz.runs = 5000
    function testFuzz_depositsOfAnySize(uint128 deposit, uint8 which) public {
        uint128[4] memory fixed_ = [1, 1e6, 1e36, type(uint128).max];
        deposit = which % 8 < 4 ? fixed_[which % 8] : uint128(_within(deposit, 1, type(uint128).max));
        _over(address(new SilentToken(address(this), "OLD", 6, SUPPLY)), deposit);
        (bytes32 shown,) = _complainedAs(CONSUMER);
        (bytes32 missing,) = _complainedAs(CONSUMER);
        vm.assertEq(token.balanceOf(address(unverified)), 2 * uint256(deposit));
        uint256 alice = token.balanceOf(ALICE);
        _answer(shown, ALICE, SALT, OUTPUTS);
        _collect(shown, ALICE);
        vm.assertEq(token.balanceOf(ALICE) - alice, deposit);
        vm.warp(block.timestamp + 1 days);
        uint256 consumer = token.balanceOf(CONSUMER);
        _collect(missing, CONSUMER);
        vm.assertEq(token.balanceOf(CONSUMER) - consumer, deposit);
        vm.assertEq(token.balanceOf(address(unverified)), 0);
    }

    /// A fee that begins later: nobody can complain any more, whoever was complained of can answer.
    function test_aFeeThatBeginsLater() public {
        FeeToken fee = new FeeToken(address(this), SUPPLY, 0);
        _over(address(fee), DEPOSIT);
        (bytes32 jobId,) = _complainedAs(CONSUMER);
        (bytes32 next,) = _handedInTo(ALICE);
        fee.setFee(100);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentErrors.InexactTransfer.selector, address(fee), DEPOSIT, DEPOSIT - DEPOSIT / 100
            )
        );
        vm.prank(CONSUMER);
        unverified.complain(next);
        _needState(next, State.Submitted);
        _answer(jobId, ALICE, SALT, OUTPUTS);
        _needState(jobId, State.Accepted);
        uint256 before = token.balanceOf(ALICE);
        _collect(jobId, ALICE);
        vm.assertEq(token.balanceOf(ALICE) - before, DEPOSIT - DEPOSIT / 100);
    }

    /// While transfers are paused, or its consumer is blocked, a job cannot be complained of, and silence accepts.
    function test_aPauseOrABlockKeepsComplaintsOut() public {
        IssuedToken issued = new IssuedToken(address(this), SUPPLY);
        _over(address(issued), DEPOSIT);
        (bytes32 jobId, Terms memory terms) = _handedInTo(ALICE);
        issued.pause(true);
        vm.expectRevert(abi.encodeWithSelector(IssuedToken.Refused.selector));
        vm.prank(CONSUMER);
        unverified.complain(jobId);
        issued.pause(false);
        issued.refuse(CONSUMER, true);
        vm.expectRevert(abi.encodeWithSelector(IssuedToken.Refused.selector));
        vm.prank(CONSUMER);
        unverified.complain(jobId);
        vm.warp(block.timestamp + 1 days);
        market.settle(jobId, terms);
        _needState(jobId, State.Accepted);
    }

    /// A pause, or a block of whoever answers, keeps no answer out and no deposit for good.
    function test_aPauseOrABlockKeepsNoAnswerOut() public {
        IssuedToken issued = new IssuedToken(address(this), SUPPLY);
        _over(address(issued), DEPOSIT);
        (bytes32 jobId, Terms memory terms) = _complainedAs(CONSUMER);
        issued.pause(true);
        issued.refuse(ALICE, true);
        _answer(jobId, ALICE, SALT, OUTPUTS);
        market.settle(jobId, terms);
        _needState(jobId, State.Accepted);
        vm.assertEq(vault.lockOf(jobId, ALICE, Role.Provider), 0);
        issued.pause(false);
        vm.expectRevert(abi.encodeWithSelector(IssuedToken.Refused.selector));
        vm.prank(ALICE);
        unverified.collect(jobId);
        issued.refuse(ALICE, false);
        _collect(jobId, ALICE);
        vm.assertEq(token.balanceOf(address(unverified)), 0);
    }

    /// Balances that shrink: who collects first is paid whole. A verdict does not wait for it.
    function test_balancesThatShrink() public {
        RebasingToken rebasing = new RebasingToken(address(this), SUPPLY, 0);
        _over(address(rebasing), DEPOSIT);
        (bytes32 first,) = _complainedAs(CONSUMER);
        (bytes32 second,) = _complainedAs(CONSUMER);
        rebasing.rebase((SUPPLY * 9) / 10);
        _answer(first, ALICE, SALT, OUTPUTS);
        _answer(second, ALICE, SALT, OUTPUTS);
        _collect(first, ALICE);
        vm.expectRevert();
        vm.prank(ALICE);
        unverified.collect(second);
        _needState(second, State.Accepted);
    }

    // ---------------------------------------------------------------- tokens that call back

    /// In the middle of a complaint's payment its lease holder may answer; nobody is paid, nor complains again.
    function test_nobodyIsPaidDuringAComplaint() public {
        (HookedToken hooked, Meddler consumer, Meddler provider) = _meddlers();
        // Somebody else's deposit, which could be taken.
        (bytes32 other,) = _complainedAs(CONSUMER);
        (bytes32 jobId,) = _handedInBy(address(consumer), address(provider));
        bytes memory answering = abi.encodeCall(IUnverified.answer, (jobId, SALT, OUTPUTS));
        bytes memory collecting = abi.encodeCall(IComplaints.collect, (jobId));
        consumer.plan(address(provider), abi.encodeCall(Meddler.run, (address(unverified), answering)));
        consumer.plan(address(unverified), abi.encodeCall(IComplaints.complain, (jobId)));
        consumer.plan(address(unverified), collecting);
        bytes[] memory inner = new bytes[](1);
        inner[0] = collecting;
        bytes memory both = abi.encodeCall(unverified.multicall, (inner));
        consumer.plan(address(provider), abi.encodeCall(Meddler.run, (address(unverified), both)));
        vm.assertTrue(consumer.run(address(unverified), abi.encodeCall(IComplaints.complain, (jobId))));
        // `run` tells the hook nothing of what failed within it: the balances do.
        vm.assertEq(hooked.balanceOf(address(unverified)), 2 * DEPOSIT);
        vm.assertTrue(consumer.worked(0));
        vm.assertFalse(consumer.worked(1), "complained twice");
        vm.assertFalse(consumer.worked(2), "paid back");
        vm.assertFalse(unverified.complaintOf(jobId).paid, "paid");
        _needVerdict(jobId, Verdict.Accepted);
        _needVerdict(other, Verdict.Disputed);
    }

    /// In the middle of its own payment nobody collects again, nor another's deposit.
    function test_nobodyCollectsTwice() public {
        (HookedToken hooked, Meddler consumer, Meddler provider) = _meddlers();
        (bytes32 jobId,) = _handedInBy(address(consumer), address(provider));
        consumer.run(address(unverified), abi.encodeCall(IComplaints.complain, (jobId)));
        (bytes32 second,) = _handedInBy(address(consumer), address(provider));
        consumer.run(address(unverified), abi.encodeCall(IComplaints.complain, (second)));
        bytes memory collecting = abi.encodeCall(IComplaints.collect, (jobId));
        vm.assertTrue(provider.run(address(unverified), abi.encodeCall(IUnverified.answer, (jobId, SALT, OUTPUTS))));
        vm.assertTrue(provider.run(address(unverified), abi.encodeCall(IUnverified.answer, (second, SALT, OUTPUTS))));
        provider.plan(address(unverified), collecting);
        provider.plan(address(unverified), abi.encodeCall(IComplaints.collect, (second)));
        uint256 before = hooked.balanceOf(address(provider));
        vm.assertTrue(provider.run(address(unverified), collecting));
        vm.assertEq(provider.count(), 2);
        vm.assertFalse(provider.worked(0), "twice");
        vm.assertFalse(provider.worked(1), "both at once");
        vm.assertEq(hooked.balanceOf(address(provider)), before + DEPOSIT);
        vm.assertEq(hooked.balanceOf(address(unverified)), DEPOSIT);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.DepositAlreadyPaid.selector, jobId));
        vm.prank(address(provider));
        unverified.collect(jobId);
    }

    // ---------------------------------------------------------------- settled for good

    /// A job that was settled, either way, has no complaint, no answer and no second deposit any more.
    function test_whatIsSettledStands() public {
        (bytes32 silent, Terms memory terms) = _handedInTo(ALICE);
        vm.warp(block.timestamp + 1 days);
        market.settle(silent, terms);
        (bytes32 missing, Terms memory others) = _complainedAs(CONSUMER);
        vm.warp(block.timestamp + 1 days);
        market.settle(missing, others);
        _collect(missing, CONSUMER);
        _needNoMove(silent, Verdict.Pending, State.Accepted);
        _needNoMove(missing, Verdict.Rejected, State.Rejected);
        vm.assertEq(token.balanceOf(address(unverified)), 0);
    }

    function _needNoMove(bytes32 jobId, Verdict verdict, State state) private {
        vm.warp(block.timestamp + 1 days);
        vm.expectRevert(_inState(jobId, State.Submitted, state));
        vm.prank(CONSUMER);
        unverified.complain(jobId);
        vm.startPrank(ALICE);
        vm.expectRevert(abi.encodeWithSelector(IComplaintErrors.ComplaintNotOpen.selector, jobId, verdict));
        unverified.answer(jobId, SALT, OUTPUTS);
        vm.expectRevert();
        unverified.collect(jobId);
        vm.stopPrank();
        vm.expectRevert();
        vm.prank(CONSUMER);
        unverified.collect(jobId);
        _needVerdict(jobId, verdict);
        _needState(jobId, state);
    }

    // ---------------------------------------------------------------- steps

    function _over(address token_, uint128 deposit) private {
        token = MarketToken(token_);
        _deployUnverified(deposit);
        address[3] memory accounts = [CONSUMER, ALICE, BOB];
        for (uint256 i = 0; i < 3; ++i) {
            _give(accounts[i], 10_000 * uint256(ONE) + 2 * uint256(deposit));
            _allow(accounts[i]);
        }
        vm.prank(ALICE);
        vault.deposit(Role.Provider, 1_000 * ONE);
    }

    function _meddlers() private returns (HookedToken hooked, Meddler consumer, Meddler provider) {
        hooked = new HookedToken();
        hooked.mint(address(this), SUPPLY);
        _over(address(hooked), DEPOSIT);
        (consumer, provider) = (new Meddler(hooked), new Meddler(hooked));
        _give(address(consumer), 1_000 * ONE);
        _give(address(provider), 1_000 * ONE);
        _allow(address(consumer));
        _allow(address(provider));
        vm.prank(address(provider));
        vault.deposit(Role.Provider, 1_000 * ONE);
    }

    function _handedInTo(address provider) private returns (bytes32, Terms memory) {
        return _handedInBy(CONSUMER, provider);
    }

    function _handedInBy(address consumer, address provider) private returns (bytes32 jobId, Terms memory terms) {
        Request memory request = _request(AuctionKind.Fixed, Tier.None);
        (terms,) = market.quote(request);
        vm.prank(consumer);
        jobId = market.post(request, ++_nonce);
        vm.startPrank(provider);
        market.bid(jobId, MAX_PRICE, "");
        market.accept(jobId);
        market.submit(jobId, terms, abi.encode(_root(SALT, OUTPUTS)), RESULT);
        vm.stopPrank();
    }

    function _complainedAs(address consumer) private returns (bytes32 jobId, Terms memory terms) {
        (jobId, terms) = _handedInTo(ALICE);
        vm.prank(consumer);
        unverified.complain(jobId);
    }

    function _collect(bytes32 jobId, address account) private {
        vm.prank(account);
        unverified.collect(jobId);
    }

    function _needVerdict(bytes32 jobId, Verdict expected) private view {
        vm.assertEq(uint256(unverified.verdictOf(jobId)), uint256(expected));
    }

    function _give(address to, uint256 amount) private {
        _ask(abi.encodeCall(IERC20.transfer, (to, amount)));
    }

    function _allow(address account) private {
        address[3] memory spenders = [address(market), address(vault), address(unverified)];
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(account);
            _ask(abi.encodeCall(IERC20.approve, (spenders[i], type(uint256).max)));
        }
    }

    /// @dev Whatever the token returns: silent ones return nothing.
    function _ask(bytes memory data) private {
        (bool ok,) = address(token).call(data);
        vm.assertTrue(ok, "token");
    }
}
