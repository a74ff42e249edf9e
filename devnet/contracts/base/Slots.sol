// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IReplicationErrors} from "../errors/IReplicationErrors.sol";
import {IReplication, Slot} from "../interfaces/IReplication.sol";
import {MAX_LEAVE, MIN_LEAVE} from "../libraries/ReplicationLimits.sol";
import {PullCredits} from "./PullCredits.sol";

/// @title Whoever can be drawn: accounts with the same stake, each at a place of its own
/// @notice INVARIANT: an account has one slot, at one place, and a place one account; nobody else's call moves it.
/// INVARIANT: a slot serves one job at a time, and cannot exit meanwhile.
abstract contract Slots is IReplication, IReplicationErrors, PullCredits {
    // Emptied places that one call looks at.
    uint256 private constant TRIMMED = 8;

    /// @notice Token base units that every slot stakes.
    uint128 public immutable stake;
    /// @notice Seconds that a slot that leaves can still be drawn.
    uint32 public immutable leaveWindow;

    /// @inheritdoc IReplication
    uint256 public totalHeld;

    address[] private _places;
    uint32[] private _emptied;
    mapping(address account => Slot) private _slots;

    constructor(uint128 stake_, uint32 leaveWindow_) {
        _bounded("stake", stake_, 1, type(uint128).max);
        _bounded("leaveWindow", leaveWindow_, MIN_LEAVE, MAX_LEAVE);
        (stake, leaveWindow) = (stake_, leaveWindow_);
    }

    /// @inheritdoc IReplication
    function join() external nonReentrant {
        Slot storage slot = _slots[msg.sender];
        uint128 held = slot.stake;
        if (slot.leftAt != 0) revert SlotLeaves(msg.sender, slot.leftAt + leaveWindow);
        if (held >= stake) revert SlotFull(msg.sender, held);
        if (slot.place == 0) slot.place = _takePlace(msg.sender);
        (slot.stake, slot.joinedAt) = (stake, uint40(block.timestamp));
        totalHeld += stake - held;
        emit SlotJoined(msg.sender, slot.place, stake);
        _pull(stake - held);
    }

    /// @inheritdoc IReplication
    function leave() external {
        Slot storage slot = _slots[msg.sender];
        if (slot.place == 0) revert SlotMissing(msg.sender);
        if (slot.leftAt != 0) revert SlotLeaves(msg.sender, slot.leftAt + leaveWindow);
        slot.leftAt = uint40(block.timestamp);
        emit SlotLeft(msg.sender, block.timestamp + leaveWindow);
    }

    /// @inheritdoc IReplication
    function exit() external {
        Slot storage slot = _slots[msg.sender];
        uint256 leftAt = slot.leftAt;
        if (leftAt == 0) revert SlotStays(msg.sender);
        if (block.timestamp < leftAt + leaveWindow) revert SlotLeaves(msg.sender, leftAt + leaveWindow);
        if (slot.jobId != 0) revert SlotBusy(msg.sender, slot.jobId);
        uint128 held = slot.stake;
        _remove(msg.sender, slot);
        totalHeld -= held;
        _addCredit(msg.sender, held);
        emit SlotExited(msg.sender, held);
    }

    /// @inheritdoc IReplication
    function move(uint32 place) external {
        Slot storage slot = _slots[msg.sender];
        uint32 own = slot.place;
        if (own == 0) revert SlotMissing(msg.sender);
        if (place == 0 || place >= own) revert PlaceNotLower(msg.sender, place, own);
        address holder = _places[place - 1];
        if (holder != address(0)) revert PlaceTaken(place, holder);
        (_places[place - 1], slot.place, slot.joinedAt) = (msg.sender, place, uint40(block.timestamp));
        _empty(own);
        emit SlotJoined(msg.sender, place, slot.stake);
    }

    /// @inheritdoc IReplication
    function slotOf(address account) external view returns (Slot memory) {
        return _slots[account];
    }

    /// @inheritdoc IReplication
    function accountAt(uint256 place) public view returns (address) {
        return place == 0 || place > _places.length ? address(0) : _places[place - 1];
    }

    /// @inheritdoc IReplication
    function placeCount() public view returns (uint256) {
        return _places.length;
    }

    // ---------------------------------------------------------------- for draws

    /// @dev Whether a slot was there when the job was funded, has all its stake, and is free. What is changed once the seed is known
    /// changes nobody else's place: who joins then is not looked at, who leaves then still is.
    function _fits(address account, uint256 fundedAt) internal view returns (bool) {
        Slot storage slot = _slots[account];
        if (slot.stake < stake || slot.jobId != 0 || slot.joinedAt >= fundedAt) return false;
        return slot.leftAt == 0 || slot.leftAt >= fundedAt;
    }

    function _isBusy(address account) internal view returns (bool) {
        return _slots[account].jobId != 0;
    }

    function _serve(address account, bytes32 jobId) internal {
        _slots[account].jobId = jobId;
    }

    /// @dev A slot is free again, and loses so much, at most what it has.
    function _free(address account, uint256 loss) internal returns (uint256 slashed) {
        Slot storage slot = _slots[account];
        slot.jobId = 0;
        uint128 held = slot.stake;
        slashed = Math.min(loss, held);
        // A job has seven replicas at most.
        // slither-disable-next-line costly-loop
        totalHeld -= slashed;
        if (slashed == held) _remove(account, slot);
        // SAFETY: at most what is held.
        // forge-lint: disable-next-line(unsafe-typecast)
        else slot.stake = held - uint128(slashed);
    }

    // ---------------------------------------------------------------- places

    /// @dev An emptied place, else a new one. Nobody else's place ever changes.
    function _takePlace(address account) private returns (uint32 place) {
        for (uint256 i = 0; i < TRIMMED && _emptied.length != 0; ++i) {
            place = _emptied[_emptied.length - 1];
            _emptied.pop();
            if (place <= _places.length && _places[place - 1] == address(0)) {
                _places[place - 1] = account;
                return place;
            }
        }
        _places.push(account);
        return uint32(_places.length);
    }

    function _remove(address account, Slot storage slot) private {
        uint32 place = slot.place;
        // slither-disable-next-line costly-loop
        delete _slots[account];
        _empty(place);
    }

    /// @dev Places at the end that are empty are taken away, a few at a time, so that no call grows with what others did.
    function _empty(uint32 place) private {
        _places[place - 1] = address(0);
        _emptied.push(place);
        for (uint256 i = 0; i < TRIMMED && _places.length != 0; ++i) {
            if (_places[_places.length - 1] != address(0)) return;
            // slither-disable-next-line costly-loop
            _places.pop();
        }
    }
}
