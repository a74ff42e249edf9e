// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AttesterSet} from "../../contracts/AttesterSet.sol";
import {MarketToken} from "../../contracts/MarketToken.sol";
import {Attester} from "../../contracts/interfaces/IAttesterSet.sol";
import {BURN_ADDRESS, MIN_UNBONDING} from "../../contracts/libraries/Limits.sol";
import {Base} from "../Base.sol";
import {Shipped} from "../Shipped.sol";

/// @title Random moves of six accounts, their governance and their verifier
contract AttesterHandler is Base {
    uint256 public constant ACCOUNTS = 6;
    uint128 public constant MIN_STAKE = 50;

    AttesterSet public immutable set;
    MarketToken private immutable token;
    address private immutable governance;
    address private immutable verifier;

    /// What m was under running jobs: it never fell sooner than the notice after this.
    uint8 public highest;
    uint256 public highestAt;

    constructor(AttesterSet set_, MarketToken token_, address governance_, address verifier_) {
        (set, token, governance, verifier) = (set_, token_, governance_, verifier_);
    }

    function account(uint256 i) public pure returns (address) {
        return address(uint160(0xA000 + i % ACCOUNTS));
    }

    function deposit(uint256 i, uint128 amount) external {
        amount = uint128(_within(amount, 1, 100));
        token.transfer(account(i), amount);
        vm.startPrank(account(i));
        token.approve(address(set), amount);
        set.deposit(amount);
        vm.stopPrank();
    }

    function leave(uint256 i) external {
        if (set.attesterOf(account(i)).stake == 0) return;
        vm.prank(account(i));
        set.leave();
    }

    function withdraw(uint256 i) external {
        Attester memory a = set.attesterOf(account(i));
        if (a.unbonding == 0 || block.timestamp < a.releaseAt) return;
        vm.prank(account(i));
        set.withdrawStake();
    }

    function admit(uint256 i) external {
        Attester memory a = set.attesterOf(account(i));
        if (a.activeFrom != 0 || a.stake < MIN_STAKE) return;
        vm.prank(governance);
        set.admit(account(i));
    }

    function remove(uint256 i) external {
        if (set.attesterOf(account(i)).activeFrom == 0) return;
        vm.prank(governance);
        set.remove(account(i));
    }

    function setThreshold(uint8 m) external {
        uint256 n = set.members().length;
        if (n == 0) return;
        vm.prank(governance);
        set.setThreshold(uint8(_within(m, 1, n)));
        if (set.threshold() >= highest) (highest, highestAt) = (set.threshold(), block.timestamp);
    }

    function slash(uint256 i, uint256 reporter) external {
        vm.prank(verifier);
        set.slash(account(i), account(reporter));
    }

    function collect(uint256 i) external {
        if (set.creditOf(account(i)) == 0) return;
        vm.prank(account(i));
        set.withdraw();
    }

    function burn() external {
        if (set.creditOf(BURN_ADDRESS) != 0) set.burn();
    }

    function pass(uint256 time) external {
        vm.warp(block.timestamp + _within(time, 1, 20 days));
        if (set.threshold() < highest) (highest, highestAt) = (set.threshold(), block.timestamp);
    }
}

/// Stake is conserved and membership consistent, whatever anybody does in whatever order.
contract AttesterInvariantsTest is Base {
    address private constant GOVERNANCE = address(0x60);
    address private constant VERIFIER = address(0x7EE);

    AttesterSet private set;
    MarketToken private token;
    AttesterHandler private handler;

    function setUp() public {
        vm.warp(1_700_000_000);
        token = Shipped.marketToken(address(this), 1e9);
        set = Shipped.attesterSet(token, VERIFIER, GOVERNANCE, 50, uint48(MIN_UNBONDING));
        handler = new AttesterHandler(set, token, GOVERNANCE, VERIFIER);
        token.transfer(address(handler), 1e9);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_itHoldsWhatItOwes() public view {
        uint256 owed = set.totalCredit();
        uint256 credits = set.creditOf(BURN_ADDRESS);
        for (uint256 i = 0; i < handler.ACCOUNTS(); ++i) {
            Attester memory a = set.attesterOf(handler.account(i));
            owed += uint256(a.stake) + a.unbonding;
            credits += set.creditOf(handler.account(i));
        }
        vm.assertEq(token.balanceOf(address(set)), owed);
        vm.assertEq(set.totalCredit(), credits);
    }

    function invariant_membersAreListedOnceAndStaked() public view {
        address[] memory members = set.members();
        vm.assertLe(members.length, 32);
        uint256 counted = 0;
        uint256 active = 0;
        for (uint256 i = 0; i < handler.ACCOUNTS(); ++i) {
            address account = handler.account(i);
            Attester memory a = set.attesterOf(account);
            uint256 listed = 0;
            for (uint256 j = 0; j < members.length; ++j) {
                if (members[j] == account) ++listed;
            }
            vm.assertEq(listed, a.activeFrom == 0 ? 0 : 1, "listed");
            if (listed == 1) vm.assertGe(a.stake, 50);
            if (set.isActive(account)) {
                vm.assertEq(listed, 1, "active");
                ++active;
            }
            counted += listed;
        }
        vm.assertEq(counted, members.length, "strangers");
        vm.assertEq(set.activeCount(), active, "counted");
        vm.assertTrue(set.isReady() == (set.threshold() != 0 && set.threshold() <= active), "ready");
    }

    /// m never falls within the notice of when it was set that high.
    function invariant_mFallsAfterItsNotice() public view {
        if (set.threshold() < handler.highest()) {
            vm.assertGe(block.timestamp, handler.highestAt() + MIN_UNBONDING);
        }
    }
}
