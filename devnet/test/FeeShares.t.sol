// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {FeeShares} from "../contracts/FeeShares.sol";
import {IFeeSharesErrors} from "../contracts/errors/IFeeSharesErrors.sol";
import {IFeeShares} from "../contracts/interfaces/IFeeShares.sol";
import {BPS, MAX_STAKERS_BPS, MAX_TREASURY_BPS, MIN_BURN_BPS} from "../contracts/libraries/Limits.sol";
import {Base} from "./Base.sol";
import {Shipped} from "./Shipped.sol";

/// Stands where the Timelock will.
contract ToyGovernor {
    function set(FeeShares shares, uint16 treasuryBps, uint16 stakersBps) external {
        shares.setShares(treasuryBps, stakersBps);
    }
}

contract FeeSharesTest is Base {
    address private constant ANYONE = address(0xA11);

    address private governor;
    FeeShares private shares;

    function setUp() public {
        governor = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        shares = Shipped.feeShares(governor, 4_000, 3_000);
    }

    function _govern() private returns (ToyGovernor made) {
        made = new ToyGovernor();
        vm.assertEq(address(made), governor);
    }

    function _needShares(uint256 treasuryBps, uint256 stakersBps) private view {
        (uint16 treasury, uint16 stakers) = shares.feeShares();
        vm.assertEq(treasury, treasuryBps);
        vm.assertEq(stakers, stakersBps);
    }

    function _outOfBounds(string memory name, uint256 actual, uint256 least, uint256 most) private {
        vm.expectRevert(abi.encodeWithSelector(IFeeSharesErrors.ShareOutOfBounds.selector, name, actual, least, most));
    }

    function test_frozenWhileNobodyGoverns() public {
        // Not even whoever could act as that address.
        address[2] memory callers = [governor, ANYONE];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IFeeSharesErrors.NotGoverned.selector, governor));
            vm.prank(callers[i]);
            shares.setShares(1_000, 1_000);
        }
        _needShares(4_000, 3_000);
    }

    function test_onlyTheGovernor() public {
        ToyGovernor made = _govern();
        vm.expectRevert(abi.encodeWithSelector(IFeeSharesErrors.NotGovernor.selector, governor, ANYONE));
        vm.prank(ANYONE);
        shares.setShares(1_000, 1_000);
        vm.expectEmit(address(shares));
        emit IFeeShares.FeeSharesSet(1_000, 2_000);
        made.set(shares, 1_000, 2_000);
        _needShares(1_000, 2_000);
    }

    function test_bounds() public {
        ToyGovernor made = _govern();
        _outOfBounds("treasuryBps", MAX_TREASURY_BPS + 1, 0, MAX_TREASURY_BPS);
        made.set(shares, uint16(MAX_TREASURY_BPS + 1), 0);
        _outOfBounds("stakersBps", MAX_STAKERS_BPS + 1, 0, MAX_STAKERS_BPS);
        made.set(shares, 0, uint16(MAX_STAKERS_BPS + 1));
        uint16 rest = uint16(BPS - MIN_BURN_BPS - MAX_TREASURY_BPS);
        _outOfBounds("burnBps", MIN_BURN_BPS - 1, MIN_BURN_BPS, BPS);
        made.set(shares, uint16(MAX_TREASURY_BPS), rest + 1);
        _needShares(4_000, 3_000);
        made.set(shares, uint16(MAX_TREASURY_BPS), rest);
        _needShares(MAX_TREASURY_BPS, rest);
        made.set(shares, 0, 0);
        _needShares(0, 0);
    }

    function testFuzz_whateverIsAskedTheBurnKeepsItsShare(uint16 treasuryBps, uint16 stakersBps) public {
        ToyGovernor made = _govern();
        bool fits = treasuryBps <= MAX_TREASURY_BPS && stakersBps <= MAX_STAKERS_BPS
            && uint256(treasuryBps) + stakersBps + MIN_BURN_BPS <= BPS;
        try made.set(shares, treasuryBps, stakersBps) {
            vm.assertTrue(fits);
        } catch {
            vm.assertFalse(fits, "refused");
        }
        (uint16 treasury, uint16 stakers) = shares.feeShares();
        vm.assertGe(BPS, uint256(treasury) + stakers + MIN_BURN_BPS);
    }

    function test_constructor() public {
        vm.expectRevert(abi.encodeWithSelector(IFeeSharesErrors.AddressMissing.selector, "governor"));
        Shipped.feeShares(address(0), 0, 0);
        _outOfBounds("burnBps", MIN_BURN_BPS - 1, MIN_BURN_BPS, BPS);
        Shipped.feeShares(governor, uint16(BPS / 2), uint16(BPS / 2 - MIN_BURN_BPS + 1));
    }
}
