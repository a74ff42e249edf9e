// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Job, Request} from "../contracts/interfaces/IJobMarket.sol";
import {Stake} from "../contracts/interfaces/IStakeVault.sol";
import {AuctionKind, Role, State} from "../contracts/interfaces/Types.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {MarketBase} from "./MarketBase.sol";
import {MarketHandler} from "./MarketHandler.sol";

/// Money is conserved whatever anybody does in whatever order, and every path ends with an empty escrow.
contract InvariantsTest is MarketBase {
    MarketHandler private handler;
    mapping(address account => uint256) private _started;

    function setUp() public override {
        super.setUp();
        // The stakes of the base do not belong to the play.
        _deployMarket(address(verifier), _params());
        handler = new MarketHandler(token, vault, market, verifier, versionId);
        token.transfer(address(handler), 1_000 * ONE);
        for (uint256 i = 0; i < 5; ++i) {
            address account = i < 2 ? handler.consumers(i) : handler.providers(i - 2);
            token.transfer(account, 100_000 * ONE);
            vm.startPrank(account);
            token.approve(address(market), type(uint256).max);
            token.approve(address(vault), type(uint256).max);
            vm.stopPrank();
            if (i >= 2) handler.stake(i - 2, 400 * ONE - 1);
        }
        address[10] memory accounts = _accounts();
        for (uint256 i = 0; i < 10; ++i) {
            _started[accounts[i]] = _wealth(accounts[i]);
        }
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @dev All moves, `finish` excepted; the frequent ones keep jobs going.
    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory moves = new bytes4[](27);
        moves[0] = moves[1] = handler.post.selector;
        moves[2] = moves[3] = handler.bid.selector;
        moves[4] = handler.award.selector;
        moves[5] = handler.cancel.selector;
        moves[6] = moves[7] = handler.accept.selector;
        moves[8] = moves[9] = handler.submit.selector;
        moves[10] = moves[11] = handler.decide.selector;
        moves[12] = handler.settle.selector;
        moves[13] = handler.withdraw.selector;
        moves[14] = handler.burn.selector;
        moves[15] = handler.unbond.selector;
        moves[16] = handler.unstake.selector;
        moves[17] = handler.wait.selector;
        moves[18] = handler.donate.selector;
        moves[19] = moves[20] = handler.bid.selector;
        moves[21] = moves[22] = handler.reveal.selector;
        moves[23] = handler.retract.selector;
        moves[24] = handler.forfeit.selector;
        moves[25] = handler.draw.selector;
        moves[26] = handler.wait.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), moves);
    }

    function _accounts() private view returns (address[10] memory) {
        return [
            handler.consumers(0),
            handler.consumers(1),
            handler.providers(0),
            handler.providers(1),
            handler.providers(2),
            OWNER,
            PARENT_OWNER,
            TREASURY,
            BURN_ADDRESS,
            address(vault)
        ];
    }

    /// All of them after every move of one play: of the same seed forge would play the same moves again for each.
    function invariant_money() public view {
        _theMarketCoversEscrowAndCredits();
        _theVaultCoversStakes();
        _oneLockForEachRunningJobAndCommitment();
        _wealthChangesByOutcomesOnly();
        _bidsCloseInTime();
    }

    /// Late bids move a reverse auction's close by its bidding window at most, and nothing moves another's.
    function _bidsCloseInTime() private view {
        for (uint256 i = 0; i < handler.count(); ++i) {
            bytes32 jobId = handler.jobs(i);
            (Job memory job, Request memory request) = (market.jobOf(jobId), handler.termsOf(jobId).request);
            uint256 windows = job.auction == AuctionKind.Reverse ? 2 : 1;
            vm.assertLe(job.bidsCloseAt, job.postedAt + windows * request.biddingWindow);
            vm.assertLe(job.revealWindow, request.revealWindow);
        }
    }

    function _theMarketCoversEscrowAndCredits() private view {
        uint256 owed = market.totalEscrow() + market.totalCredit();
        vm.assertEq(token.balanceOf(address(market)), owed + handler.donated());
        uint256 escrow = 0;
        for (uint256 i = 0; i < handler.count(); ++i) {
            Job memory job = market.jobOf(handler.jobs(i));
            if (job.settledAt == 0) escrow += job.maxPrice;
        }
        vm.assertEq(market.totalEscrow(), escrow, "escrow");
        uint256 credit = 0;
        address[10] memory accounts = _accounts();
        for (uint256 i = 0; i < 10; ++i) {
            credit += market.creditOf(accounts[i]);
        }
        vm.assertEq(market.totalCredit(), credit, "credit");
    }

    function _theVaultCoversStakes() private view {
        uint256 total = 0;
        uint256 deposited = 0;
        for (uint256 i = 0; i < 3; ++i) {
            address provider = handler.providers(i);
            Stake memory stake = vault.stakeOf(provider, Role.Provider);
            vm.assertGe(stake.total, uint256(stake.locked) + stake.unbonding);
            uint256 locks = 0;
            for (uint256 j = 0; j < handler.count(); ++j) {
                locks += vault.lockOf(handler.jobs(j), provider, Role.Provider);
            }
            vm.assertEq(stake.locked, locks, "locked");
            total += stake.total;
            deposited += handler.deposited(provider);
        }
        vm.assertEq(token.balanceOf(address(vault)), total, "total");
        // Nobody loses more than undelivered fees and the locks of jobs defaulted or rejected.
        vm.assertEq(deposited - total, handler.slashed(), "slashed");
    }

    /// @dev All that an account owns: tokens, credits, stake, and what it has in escrow. The vault owns the stakers' rewards,
    /// but no stake.
    function _wealth(address account) private view returns (uint256 wealth) {
        wealth = token.balanceOf(account) + market.creditOf(account);
        for (uint256 i = 0; account == address(vault) && i < 3; ++i) {
            wealth -= vault.stakeOf(handler.providers(i), Role.Provider).total;
        }
        wealth += vault.stakeOf(account, Role.Provider).total;
        for (uint256 i = 0; i < handler.count(); ++i) {
            Job memory job = market.jobOf(handler.jobs(i));
            if (job.consumer == account && job.settledAt == 0) wealth += job.maxPrice;
        }
    }

    /// Nobody grows richer or poorer but by a job's outcome, as docs/job.md says: bids, waiting, unbonding, withdrawals and
    /// everybody else's doings leave an account's wealth as it was. So whoever never accepted lost undelivered fees at most, and
    /// whoever handed in a true result was paid.
    function _wealthChangesByOutcomesOnly() private view {
        address[10] memory accounts = _accounts();
        for (uint256 i = 0; i < 10; ++i) {
            int256 change = int256(_wealth(accounts[i])) - int256(_started[accounts[i]]);
            vm.assertEq(change, handler.earned(accounts[i]), "wealth");
        }
    }

    /// One lock for whoever leads or holds the lease, one for each sealed bid that stands, and no other.
    function _oneLockForEachRunningJobAndCommitment() private view {
        for (uint256 i = 0; i < handler.count(); ++i) {
            bytes32 jobId = handler.jobs(i);
            Job memory job = market.jobOf(jobId);
            bool runs = job.settledAt == 0 && job.provider != address(0);
            uint128 lock = job.auction == AuctionKind.Sealed ? handler.bondOf(job) : job.lock;
            uint256 standing = 0;
            for (uint256 j = 0; j < 3; ++j) {
                address provider = handler.providers(j);
                bool committed = market.commitmentOf(jobId, provider) != 0;
                bool leads = runs && job.provider == provider;
                vm.assertFalse(committed && leads, "a revealed bid stands no more");
                vm.assertEq(vault.lockOf(jobId, provider, Role.Provider), committed || leads ? lock : 0, "lock");
                if (committed) ++standing;
            }
            vm.assertEq(job.commitments, standing, "commitments");
        }
    }

    /// forge calls this at the end of every run.
    function afterInvariant() external {
        handler.finish();
        vm.assertEq(market.totalEscrow(), 0, "escrow at the end");
        uint256 finished = 0;
        for (uint8 state = uint8(State.Accepted); state <= uint8(State.Defaulted); ++state) {
            finished += handler.settled(State(state));
        }
        vm.assertEq(finished, handler.count(), "every job settled once");
        invariant_money();
        address[10] memory accounts = _accounts();
        for (uint256 i = 0; i < 10; ++i) {
            if (accounts[i] == BURN_ADDRESS || market.creditOf(accounts[i]) == 0) continue;
            vm.prank(accounts[i]);
            market.withdraw();
        }
        if (market.creditOf(BURN_ADDRESS) != 0) market.burn();
        vm.assertEq(market.totalCredit(), 0, "credit at the end");
        vm.assertEq(token.balanceOf(address(market)), handler.donated(), "market at the end");
        _wealthChangesByOutcomesOnly();
    }

    /// Sealed bids, withdrawals, a Dutch clock and a drawn award, so that the moves above are known to reach them.
    function test_thePlayReachesEveryKind() public {
        handler.post(0, 50e18, uint256(3) << 200 | 1); // Sealed, optimistic
        handler.post(0, 50e18, uint256(3) << 200); // Sealed, zk
        handler.post(1, 50e18, uint256(4) << 200 | 1); // Dutch
        handler.post(1, 50e18, uint256(5) << 200 | 1); // Batch
        handler.post(1, 50e18, 1); // Reverse
        // `which` takes the first job from there on that is in the state.
        for (uint256 i = 0; i < 3; ++i) {
            handler.bid(0, i, uint128(10e18 + i));
            handler.bid(1, i, uint128(10e18 + i));
        }
        handler.retract(1, 2);
        handler.bid(2, 0, 0);
        handler.bid(4, 1, 30e18);
        handler.retract(4, 0);
        vm.assertEq(handler.retractions(), 2);
        _oneLockForEachRunningJobAndCommitment();
        vm.warp(market.jobOf(handler.jobs(0)).bidsCloseAt);
        handler.reveal(0, 0);
        handler.reveal(0, 1);
        handler.reveal(1, 0);
        vm.assertEq(handler.reveals(), 3);
        _oneLockForEachRunningJobAndCommitment();
        handler.finish();
        vm.assertEq(handler.forfeits(), 2);
        invariant_money();
    }

    /// One scripted play that reaches every final state, so that the moves above are known to reach them.
    function test_thePlayReachesEveryFinalState() public {
        // By shape: 0 zk and fixed; 2 optimistic and fixed; 1 optimistic and reverse.
        for (uint256 i = 0; i < 6; ++i) {
            handler.post(i, 50e18, i == 0 ? 0 : 2);
        }
        handler.post(6, 50e18, 1);
        handler.cancel(6);
        for (uint256 i = 0; i < 5; ++i) {
            handler.bid(i, i, 0);
        }
        for (uint256 i = 0; i < 4; ++i) {
            handler.accept(i);
        }
        for (uint256 i = 0; i < 3; ++i) {
            handler.submit(i, "output");
        }
        handler.decide(1, 2); // Rejected
        handler.wait(2_399);
        handler.finish();
        vm.assertEq(handler.settled(State.Accepted), 2);
        vm.assertEq(handler.settled(State.Rejected), 1);
        vm.assertEq(handler.settled(State.Defaulted), 1);
        vm.assertEq(handler.settled(State.Undelivered), 1);
        vm.assertEq(handler.settled(State.Expired), 1);
        vm.assertEq(handler.settled(State.Cancelled), 1);
        invariant_money();
    }
}
