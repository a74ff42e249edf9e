// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {JobMarket} from "../contracts/JobMarket.sol";
import {StakeVault} from "../contracts/StakeVault.sol";
import {Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {Stake} from "../contracts/interfaces/IStakeVault.sol";
import {AuctionKind, Role, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {MIN_UNBONDING} from "../contracts/libraries/Limits.sol";
import {HookedToken, IHook} from "./HookedToken.sol";
import {MarketBase} from "./MarketBase.sol";
import {Shipped} from "./Shipped.sol";

/// Somebody who is called in the middle of every transfer, and then tries `moves` on market and vault.
contract Reentrant is IHook {
    JobMarket private immutable market;
    StakeVault private immutable vault;

    bytes[] private _onMarket;
    bytes[] private _onVault;
    uint256 public succeeded;

    constructor(HookedToken token, JobMarket market_, StakeVault vault_) {
        market = market_;
        vault = vault_;
        token.listen();
        token.approve(address(market_), type(uint256).max);
        token.approve(address(vault_), type(uint256).max);
    }

    function plan(bytes[] memory onMarket, bytes[] memory onVault) external {
        _onMarket = onMarket;
        _onVault = onVault;
        succeeded = 0;
    }

    function run(address target, bytes calldata call) external returns (bool ok) {
        (ok,) = target.call(call);
    }

    function tokensMove(address, address, uint256, bool) external {
        for (uint256 i = 0; i < _onMarket.length; ++i) {
            (bool ok,) = address(market).call(_onMarket[i]);
            if (ok) ++succeeded;
        }
        for (uint256 i = 0; i < _onVault.length; ++i) {
            (bool ok,) = address(vault).call(_onVault[i]);
            if (ok) ++succeeded;
        }
    }
}

/// The market's token has no hooks; a market on one that has would lose nothing by it.
contract ReentrancyTest is MarketBase {
    HookedToken private hooked;
    Reentrant private mallory;

    function setUp() public override {
        super.setUp();
        hooked = new HookedToken();
        address predicted = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        vault = Shipped.stakeVault(IERC20(address(hooked)), predicted, address(batch), uint64(MIN_UNBONDING));
        address[6] memory verifiers;
        verifiers[1] = address(verifier);
        market = Shipped.jobMarket(IERC20(address(hooked)), registry, vault, _modules(), verifiers, _params());
        mallory = new Reentrant(hooked, market, vault);
        hooked.mint(address(mallory), 1_000 * ONE);
        hooked.mint(CONSUMER, 1_000 * ONE);
        vm.prank(CONSUMER);
        hooked.approve(address(market), type(uint256).max);
        mallory.run(address(vault), abi.encodeCall(vault.deposit, (Role.Provider, 100 * ONE)));
    }

    function _accepted() private returns (bytes32 jobId, Terms memory terms) {
        Request memory request = _request(AuctionKind.Fixed, Tier.Zk);
        (terms,) = market.quote(request);
        vm.prank(CONSUMER);
        jobId = market.post(request, 1);
        _run(abi.encodeCall(market.bid, (jobId, MAX_PRICE, "")));
        _run(abi.encodeCall(market.accept, (jobId)));
        _run(abi.encodeCall(market.submit, (jobId, terms, abi.encode(Verdict.Accepted, OUTPUT), 0)));
        _needState(jobId, State.Accepted);
    }

    function _postedFor(AuctionKind auction, uint128 maxPrice) private returns (bytes32) {
        Request memory request = _request(auction, Tier.Zk);
        request.maxPrice = maxPrice;
        vm.prank(CONSUMER);
        return market.post(request, 3);
    }

    function _run(bytes memory call) private {
        vm.assertTrue(mallory.run(address(market), call));
    }

    function _covered() private view {
        vm.assertEq(hooked.balanceOf(address(market)), market.totalEscrow() + market.totalCredit());
        vm.assertEq(hooked.balanceOf(address(vault)), vault.stakeOf(address(mallory), Role.Provider).total);
    }

    function test_nobodyEntersTheMarketDuringAPayment() public {
        (bytes32 jobId, Terms memory terms) = _accepted();
        bytes[] memory moves = new bytes[](8);
        moves[0] = abi.encodeCall(market.withdraw, ());
        moves[1] = abi.encodeCall(market.settle, (jobId, terms));
        moves[2] = abi.encodeCall(market.post, (_request(AuctionKind.Fixed, Tier.Zk), 2));
        bytes[] memory inner = new bytes[](1);
        inner[0] = moves[0];
        moves[3] = abi.encodeCall(market.multicall, (inner));
        moves[4] = abi.encodeCall(market.burn, ());
        // Each of these three would do by itself: the guard alone refuses it.
        bytes32 reverse = _postedFor(AuctionKind.Reverse, 50 * ONE);
        bytes32 sealedJob = _postedFor(AuctionKind.Sealed, 50 * ONE);
        _run(abi.encodeCall(market.bid, (reverse, 40 * ONE, "")));
        moves[5] = abi.encodeCall(market.withdrawBid, (reverse));
        moves[6] = abi.encodeCall(market.commitBid, (sealedJob, keccak256("a price"), ""));
        moves[7] = abi.encodeCall(market.bid, (reverse, 30 * ONE, ""));
        mallory.plan(moves, new bytes[](0));
        uint256 before = hooked.balanceOf(address(mallory));
        _run(abi.encodeCall(market.withdraw, ()));
        vm.assertEq(hooked.balanceOf(address(mallory)), before + 89 * ONE);
        vm.assertEq(mallory.succeeded(), 0);
        _covered();
        for (uint256 i = 7; i > 4; --i) {
            _run(moves[i]);
        }
        _covered();
    }

    function test_stakeThatIsNotPaidYetCannotLeave() public {
        bytes[] memory moves = new bytes[](2);
        moves[0] = abi.encodeCall(vault.requestWithdraw, (Role.Provider, 150 * ONE));
        moves[1] = abi.encodeCall(vault.withdraw, (Role.Provider));
        mallory.plan(new bytes[](0), moves);
        mallory.run(address(vault), abi.encodeCall(vault.deposit, (Role.Provider, 50 * ONE)));
        // The request counts the stake on its way, the withdrawal waits; the stake has come by then, or nothing has happened.
        vm.assertEq(mallory.succeeded(), 1);
        _covered();
        vm.warp(block.timestamp + MIN_UNBONDING);
        mallory.run(address(vault), abi.encodeCall(vault.withdraw, (Role.Provider)));
        Stake memory stake = vault.stakeOf(address(mallory), Role.Provider);
        vm.assertEq(stake.total, 0);
        vm.assertEq(hooked.balanceOf(address(mallory)), 1_000 * ONE);
        _covered();
    }

    function test_aGiftDuringADepositIsNotADeposit() public {
        // The hook sends the market one unit more: what arrives is not what was asked for.
        Request memory request = _request(AuctionKind.Fixed, Tier.Zk);
        Giver giver = new Giver(hooked, address(market));
        hooked.mint(address(giver), 1_000 * ONE);
        vm.assertFalse(giver.run(address(market), abi.encodeCall(market.post, (request, 1))), "posted");
        vm.assertEq(market.totalEscrow(), 0);
    }
}

contract Giver is IHook {
    HookedToken private immutable token;
    address private immutable market;
    bool private _given;

    constructor(HookedToken token_, address market_) {
        token = token_;
        market = market_;
        token_.listen();
        token_.approve(market_, type(uint256).max);
    }

    function run(address target, bytes calldata call) external returns (bool ok) {
        (ok,) = target.call(call);
    }

    function tokensMove(address from, address, uint256, bool) external {
        if (_given || from != address(this)) return;
        _given = true;
        token.transfer(market, 1);
    }
}
