// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {MarketToken} from "../contracts/MarketToken.sol";
import {Params} from "../contracts/base/MarketTerms.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {AuctionKind, Role, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {MarketBase} from "./MarketBase.sol";
import {FalseToken, FeeToken, PlainToken, RebasingToken, SilentToken} from "./Tokens.sol";

/// Whole jobs in tokens of few and many decimals, of those that return nothing, and what becomes of the others.
contract TokensTest is MarketBase {
    uint256 private constant SUPPLY = 1e45;

    /// One token of the current market, in base units.
    uint128 private _one;
    uint256 private _nonce;

    // ---------------------------------------------------------------- what works, to the unit

    function test_aJobInUsdt() public {
        _over(address(new SilentToken(address(this), "USDT", 6, SUPPLY)), 6);
        _wholeJob(5e6, 2_500_000);
    }

    function test_aJobInUsdc() public {
        _over(address(new PlainToken(address(this), "USDC", 6, SUPPLY)), 6);
        _wholeJob(5e6, 4_999_999);
    }

    function test_aJobInWbtc() public {
        _over(address(new PlainToken(address(this), "WBTC", 8, SUPPLY)), 8);
        _wholeJob(300_000_000, 250_000_001);
    }

    function test_aJobInASilentTokenOf18Decimals() public {
        _over(address(new SilentToken(address(this), "OLD", 18, SUPPLY)), 18);
        _wholeJob(5e18, 3e18 + 1);
    }

    function test_aJobInATokenOf36Decimals() public {
        _over(address(new PlainToken(address(this), "FINE", 36, SUPPLY)), 36);
        _wholeJob(5e36, 3e36 + 1);
    }

    function test_aJobInATokenWithoutDecimals() public {
        _over(address(new SilentToken(address(this), "COUPON", 0, SUPPLY)), 0);
        _wholeJob(5, 4);
    }

    /// forge-config: default.fuzz.runs = 64
    /// forge-config: fuzz.fuzz.runs = 5000
    function testFuzz_fewUnitsAddUp(uint128 maxPrice, uint128 price, uint128 usePrice, uint16 ownerBps) public {
        _over(address(new SilentToken(address(this), "USDT", 6, SUPPLY)), 6);
        usePrice = uint128(_within(usePrice, 0, 1_000));
        vm.prank(OWNER);
        registry.setPrice(versionId, usePrice, uint16(_within(ownerBps, 0, 9_000)));
        (, uint128 floor) = market.quote(_asking(type(uint64).max));
        maxPrice = uint128(_within(maxPrice, floor, 3_000));
        _wholeJob(maxPrice, uint128(_within(price, floor, maxPrice)));
    }

    /// One base unit: the least fee is all of it. Two: the provider gets the other.
    function test_theLeastPrices() public {
        _over(address(new SilentToken(address(this), "USDT", 6, SUPPLY)), 6);
        vm.prank(OWNER);
        registry.setPrice(versionId, 0, 0);
        _wholeJob(1, 1);
        uint256 before = token.balanceOf(ALICE);
        _wholeJob(2, 2);
        vm.assertEq(token.balanceOf(ALICE) - before, 1);
    }

    /// 99 units at 10 per cent: 9 for the owner's side, of which a quarter is 2 for the parent; 1 is the fee.
    function test_royaltiesRoundDownAndTheRestIsTheProviders() public {
        _over(address(new SilentToken(address(this), "USDT", 6, SUPPLY)), 6);
        vm.prank(OWNER);
        registry.setPrice(versionId, 0, 1_000);
        uint256 before = token.balanceOf(ALICE);
        _wholeJob(99, 99);
        vm.assertEq(token.balanceOf(OWNER), 7);
        vm.assertEq(token.balanceOf(PARENT_OWNER), 2);
        vm.assertEq(token.balanceOf(ALICE) - before, 89);
        // 9 units: the owner's tenth is less than one.
        before = token.balanceOf(ALICE);
        _wholeJob(9, 9);
        vm.assertEq(token.balanceOf(OWNER) + token.balanceOf(PARENT_OWNER), 9);
        vm.assertEq(token.balanceOf(ALICE) - before, 8);
    }

    /// The lock moves from the vault to the market, whose balance covers what it then owes.
    function test_aDefaultInUsdt() public {
        _over(address(new SilentToken(address(this), "USDT", 6, SUPPLY)), 6);
        (bytes32 jobId, Terms memory terms) = _accepted(5e6, 5e6);
        uint256 held = _stakeOf(ALICE);
        vm.warp(block.timestamp + 1 hours);
        market.settle(jobId, terms);
        _needSettled(jobId, State.Defaulted);
        vm.assertEq(held - _stakeOf(ALICE), terms.snapshot.lock);
        vm.assertEq(market.creditOf(CONSUMER), 5e6 + terms.snapshot.gasCompensation);
        _drain();
    }

    function test_stakeComesBackInUsdt() public {
        _over(address(new SilentToken(address(this), "USDT", 6, SUPPLY)), 6);
        uint256 before = token.balanceOf(ALICE);
        uint256 held = _stakeOf(ALICE);
        vm.prank(ALICE);
        vault.requestWithdraw(Role.Provider, uint128(held));
        vm.warp(block.timestamp + 60 days);
        vm.prank(ALICE);
        vault.withdraw(Role.Provider);
        vm.assertEq(token.balanceOf(ALICE) - before, held);
        _needSound();
    }

    // ---------------------------------------------------------------- what is refused

    function test_aFeeOnTransferIsRefused() public {
        _unstaked(address(new FeeToken(address(this), SUPPLY, 100)), 18);
        _needInexact(1_000, 990);
    }

    /// The least fee there is: one unit in ten thousand.
    function test_aFeeOfOneUnitIsRefused() public {
        _unstaked(address(new FeeToken(address(this), SUPPLY, 1)), 18);
        _needInexact(10_000, 9_999);
    }

    /// stETH: shares are rounded, and a unit less arrives.
    function test_aRoundedShareIsRefused() public {
        RebasingToken rebasing = new RebasingToken(address(this), SUPPLY, 0);
        rebasing.rebase(SUPPLY + SUPPLY / 2);
        _unstaked(address(rebasing), 18);
        _needInexact(1_000, 999);
    }

    function test_aTransferThatReturnsFalseIsRefused() public {
        FalseToken no = new FalseToken(CONSUMER, SUPPLY);
        token = MarketToken(address(no));
        _deployMarket(address(verifier), _scaled(ONE));
        _allow(CONSUMER, address(market));
        _allow(CONSUMER, address(vault));
        bytes memory reason = abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, address(no));
        Request memory request = _asking(5 * ONE);
        vm.expectRevert(reason);
        vm.prank(CONSUMER);
        market.post(request, 1);
        vm.expectRevert(reason);
        vm.prank(CONSUMER);
        vault.deposit(Role.Provider, 1_000);
    }

    // ---------------------------------------------------------------- what nobody can refuse: a token that changes later

    /// A fee that begins later: nothing more comes in, a running job is settled, what a slash brings is short by the
    /// fee, and so the last to draw waits: here the burn.
    function test_aFeeThatBeginsLater() public {
        FeeToken fee = new FeeToken(address(this), SUPPLY, 0);
        _over(address(fee), 18);
        (bytes32 jobId, Terms memory terms) = _accepted(5 * ONE, 5 * ONE);
        fee.setFee(100);
        Request memory request = _asking(5 * ONE);
        vm.expectRevert(_inexact(5 * ONE, (5 * ONE * 99) / 100));
        vm.prank(CONSUMER);
        market.post(request, 99);
        vm.warp(block.timestamp + 1 hours);
        market.settle(jobId, terms);
        uint256 short = terms.snapshot.lock / 100;
        vm.assertEq(token.balanceOf(address(market)) + short, market.totalCredit());
        uint256 owed = market.creditOf(CONSUMER);
        uint256 before = token.balanceOf(CONSUMER);
        vm.prank(CONSUMER);
        market.withdraw();
        vm.assertEq(token.balanceOf(CONSUMER) - before, owed - owed / 100);
        vm.expectRevert();
        market.burn();
        // Whoever gives the market what is missing frees it.
        fee.setFee(0);
        _give(address(market), short);
        market.burn();
        vm.assertEq(market.totalCredit(), token.balanceOf(address(market)));
    }

    /// Balances that shrink later leave the last to draw without; those that grow leave a rest that is nobody's.
    function test_balancesThatMoveLater() public {
        RebasingToken rebasing = new RebasingToken(address(this), SUPPLY, 0);
        _over(address(rebasing), 18);
        uint256 nobodysYet = vm.snapshotState();
        rebasing.rebase(SUPPLY * 2);
        _wholeJob(4 * ONE, 3 * ONE);
        vm.assertEq(market.totalCredit() + market.totalEscrow(), market.creditOf(address(vault))); // what waits for stakers
        vm.revertToState(nobodysYet);
        (bytes32 jobId, Terms memory terms) = _accepted(5 * ONE, 5 * ONE);
        rebasing.rebase((SUPPLY * 9) / 10);
        _submit(jobId, terms, Verdict.Accepted);
        vm.assertTrue(token.balanceOf(address(market)) < market.totalCredit());
        vm.prank(ALICE);
        market.withdraw();
        vm.prank(OWNER);
        vm.expectRevert(); // a tenth of all is gone: it is the later ones'
        market.withdraw();
    }

    // ---------------------------------------------------------------- steps

    /// @dev A market over this token, whose parameters are those of the deployment's list, and two people with stake.
    function _over(address token_, uint8 decimals) private {
        _unstaked(token_, decimals);
        address[2] memory providers = [ALICE, BOB];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(providers[i]);
            vault.deposit(Role.Provider, 100 * _one);
        }
    }

    function _unstaked(address token_, uint8 decimals) private {
        token = MarketToken(token_);
        _one = uint128(10 ** decimals);
        // A use costs half a token; where there are no halves, nothing.
        vm.prank(OWNER);
        registry.setPrice(versionId, _one / 2, 1_000);
        _deployMarket(address(verifier), _scaled(_one));
        address[3] memory accounts = [CONSUMER, ALICE, BOB];
        for (uint256 i = 0; i < 3; ++i) {
            _give(accounts[i], 2_000 * uint256(_one));
            _allow(accounts[i], address(market));
            _allow(accounts[i], address(vault));
        }
    }

    function _scaled(uint128 one) private pure returns (Params memory params) {
        params = _params();
        params.minLock = 10 * one;
        params.gasCompensation = one;
        params.undeliveredFeeCap = one;
    }

    function _give(address to, uint256 amount) private {
        _ask(abi.encodeCall(IERC20.transfer, (to, amount)));
    }

    function _allow(address account, address spender) private {
        vm.prank(account);
        _ask(abi.encodeCall(IERC20.approve, (spender, type(uint256).max)));
    }

    /// @dev Whatever the token returns: silent ones return nothing.
    function _ask(bytes memory data) private {
        (bool ok,) = address(token).call(data);
        vm.assertTrue(ok, "token");
    }

    function _asking(uint128 maxPrice) private view returns (Request memory request) {
        request = _request(AuctionKind.Reverse, Tier.Zk);
        request.maxPrice = maxPrice;
    }

    /// @dev A job that ALICE won from BOB, and accepted.
    function _accepted(uint128 maxPrice, uint128 price) private returns (bytes32 jobId, Terms memory terms) {
        Request memory request = _asking(maxPrice);
        (terms,) = market.quote(request);
        vm.prank(CONSUMER);
        jobId = market.post(request, ++_nonce);
        if (price < maxPrice) _bid(jobId, BOB, maxPrice);
        _bid(jobId, ALICE, price);
        vm.prank(CONSUMER);
        market.award(jobId);
        vm.prank(ALICE);
        market.accept(jobId);
    }

    /// @dev A job from its posting to the last unit drawn; conserves every unit on the way.
    function _wholeJob(uint128 maxPrice, uint128 price) private {
        uint256 before = token.balanceOf(CONSUMER);
        (bytes32 jobId, Terms memory terms) = _accepted(maxPrice, price);
        vm.assertEq(before - token.balanceOf(CONSUMER), maxPrice, "escrow");
        _submit(jobId, terms, Verdict.Accepted);
        _needState(jobId, State.Accepted);
        vm.assertEq(market.totalEscrow(), 0);
        vm.assertEq(market.totalCredit(), maxPrice, "credit");
        vm.assertEq(market.creditOf(CONSUMER), maxPrice - price, "refund");
        vm.assertGe(market.creditOf(OWNER) + market.creditOf(PARENT_OWNER), terms.snapshot.usePrice);
        _drain();
        vm.assertEq(before - token.balanceOf(CONSUMER), price, "paid");
    }

    /// @dev Everybody draws, and the burn; what is left is what the stakers have yet to fetch.
    function _drain() private {
        address[5] memory accounts = [CONSUMER, ALICE, OWNER, PARENT_OWNER, TREASURY];
        for (uint256 i = 0; i < 5; ++i) {
            uint256 credit = market.creditOf(accounts[i]);
            if (credit == 0) continue;
            uint256 before = token.balanceOf(accounts[i]);
            vm.prank(accounts[i]);
            market.withdraw();
            vm.assertGe(token.balanceOf(accounts[i]) - before, credit);
        }
        if (market.creditOf(BURN_ADDRESS) != 0) market.burn();
        vm.assertEq(market.totalCredit(), market.creditOf(address(vault)));
        vm.assertGe(token.balanceOf(address(market)), market.totalCredit());
    }

    function _needInexact(uint128 expected, uint256 actual) private {
        vm.prank(OWNER);
        registry.setPrice(versionId, 0, 0);
        Request memory request = _asking(expected);
        vm.expectRevert(_inexact(expected, actual));
        vm.prank(CONSUMER);
        market.post(request, 1);
        vm.expectRevert(_inexact(expected, actual));
        vm.prank(ALICE);
        vault.deposit(Role.Provider, expected);
    }

    function _inexact(uint256 expected, uint256 actual) private view returns (bytes memory) {
        return abi.encodeWithSelector(IPaymentErrors.InexactTransfer.selector, address(token), expected, actual);
    }
}
