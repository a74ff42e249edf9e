// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GameBase} from "./GameBase.sol";

/// @title What tests of the beacon, and of those whom it draws, share; its digests written out again
abstract contract BeaconBase is GameBase {
    function setUp() public virtual override {
        super.setUp();
        address[3] memory accounts = [CAROL, DAVE, CONSUMER];
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(accounts[i]);
            token.approve(address(beacon), type(uint256).max);
        }
    }

    function _round() internal view returns (uint256) {
        return block.timestamp / ROUND;
    }

    function _secretOf(address account, uint256 round, bytes32 secret) internal view returns (bytes32) {
        bytes32 domain = keccak256("mlm/beacon-secret/1");
        return keccak256(abi.encode(domain, block.chainid, address(beacon), account, round, secret));
    }

    function _part(address account, bytes32 secret) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(account, secret)));
    }

    function _seed(uint256 round, bytes32 mixed, uint256 sum) internal view returns (bytes32) {
        return keccak256(abi.encode(keccak256("mlm/beacon/1"), block.chainid, address(beacon), round, mixed, sum));
    }

    function _commit(address account, bytes32 secret) internal {
        uint256 round = _round();
        bytes32 commitment = _secretOf(account, round, secret);
        vm.prank(account);
        beacon.commit(round, commitment);
    }

    function _reveal(address account, uint256 round, bytes32 secret) internal {
        vm.prank(account);
        beacon.reveal(round, secret);
    }

    /// @dev Waits for the end of commitments where they run; returns the block that mixes in.
    function _close(uint256 round) internal returns (uint256 at) {
        if (block.timestamp < (round + 1) * ROUND) vm.warp((round + 1) * ROUND);
        at = block.number;
        beacon.close(round);
        vm.roll(at + 1);
    }

    /// @dev The seed of a round in which nobody takes part.
    function _finish(uint256 round) internal returns (bytes32) {
        if (beacon.seedOf(round) == 0) {
            _close(round);
            beacon.finish(round);
        }
        return beacon.seedOf(round);
    }

    function _needSolvent(uint256 open) internal view {
        vm.assertEq(token.balanceOf(address(beacon)), beacon.totalCredit() + open * BEACON_DEPOSIT, "beacon's balance");
    }
}
