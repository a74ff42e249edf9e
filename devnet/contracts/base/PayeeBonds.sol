// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IServingBondsErrors} from "../errors/IServingBondsErrors.sol";
import {Bond, IServingBonds} from "../interfaces/IServingBonds.sol";
import {Reason} from "../interfaces/Types.sol";
import {BPS, BURN_ADDRESS, CHALLENGER_BPS, MAX_UNBONDING, MIN_UNBONDING} from "../libraries/Limits.sol";
import {PullCredits} from "./PullCredits.sol";

/// @title Payees' bonds: how they come in, go out, and are slashed
/// @notice INVARIANT: a bond changes by its payee's deposits and withdrawals, and by a slash of at most what is there.
/// SAFETY: what leaves stays slashable for `unbondingPeriod`, and an accusation made meanwhile holds it up until that lapses: at most
/// one accusation's window beyond `releaseAt`, however many there are, since one made later holds nothing up.
abstract contract PayeeBonds is IServingBonds, IServingBondsErrors, PullCredits {
    using SafeERC20 for IERC20;

    /// @inheritdoc IServingBonds
    uint48 public immutable unbondingPeriod;

    mapping(address payee => mapping(bytes32 versionId => Bond)) private _bonds;

    constructor(uint48 unbondingPeriod_) {
        _bounded("unbondingPeriod", unbondingPeriod_, MIN_UNBONDING, MAX_UNBONDING);
        unbondingPeriod = unbondingPeriod_;
    }

    /// @inheritdoc IServingBonds
    function deposit(bytes32 versionId, uint128 amount) external nonReentrant {
        if (amount == 0) revert BondAmountZero(msg.sender, versionId);
        _bonds[msg.sender][versionId].held += amount;
        emit BondDeposited(msg.sender, versionId, amount);
        _pull(amount);
    }

    /// @inheritdoc IServingBonds
    function requestWithdraw(bytes32 versionId, uint128 amount) external {
        if (amount == 0) revert BondAmountZero(msg.sender, versionId);
        Bond storage bond = _bonds[msg.sender][versionId];
        uint128 held = bond.held;
        if (amount > held) revert BondTooLow(msg.sender, versionId, amount, held);
        uint48 releaseAt = uint48(block.timestamp) + unbondingPeriod;
        bond.held = held - amount;
        bond.unbonding += amount;
        bond.releaseAt = releaseAt;
        emit BondUnbonding(msg.sender, versionId, amount, releaseAt);
    }

    /// @inheritdoc IServingBonds
    function withdrawBond(bytes32 versionId) external nonReentrant returns (uint256 amount) {
        Bond storage bond = _bonds[msg.sender][versionId];
        amount = bond.unbonding;
        if (amount == 0) revert BondMissing(msg.sender, versionId);
        uint256 releasedAt = bond.releaseAt > bond.heldUntil ? bond.releaseAt : bond.heldUntil;
        if (block.timestamp < releasedAt) revert BondNotReleased(msg.sender, versionId, releasedAt);
        bond.unbonding = 0;
        // SAFETY: read from a word of 128 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        emit BondWithdrawn(msg.sender, versionId, uint128(amount));
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IServingBonds
    function burn() external nonReentrant returns (uint256 amount) {
        return _payOut(BURN_ADDRESS);
    }

    /// @inheritdoc IServingBonds
    function bondOf(address payee, bytes32 versionId) external view returns (Bond memory) {
        return _bonds[payee][versionId];
    }

    /// @dev What unbonds of a payee's bond is not paid out before `until`, if it could not be yet. Reverts where there is no bond.
    function _holdUp(address payee, bytes32 versionId, uint48 until) internal {
        Bond storage bond = _needBond(payee, versionId);
        if (block.timestamp < bond.releaseAt) bond.heldUntil = until;
    }

    /// @dev Takes at most `most` of a bond, first what unbonds: what stays then stays for longer. Half is the payer's, half burns.
    function _slash(bytes32 accusationId, address payer, address payee, bytes32 versionId, uint256 most)
        internal
        returns (uint128 slashed)
    {
        Bond storage bond = _bonds[payee][versionId];
        (uint128 held, uint128 unbonding) = (bond.held, bond.unbonding);
        uint128 leaving = most < unbonding ? uint128(most) : unbonding;
        uint128 staying = most - leaving < held ? uint128(most - leaving) : held;
        slashed = leaving + staying;
        (bond.held, bond.unbonding) = (held - staying, unbonding - leaving);
        bond.convictedAt = uint48(block.timestamp);
        uint256 reward = (uint256(slashed) * CHALLENGER_BPS) / BPS;
        _credit(accusationId, payer, Reason.ChallengerReward, reward);
        _credit(accusationId, BURN_ADDRESS, Reason.Burn, slashed - reward);
    }

    function _convictedAt(address payee, bytes32 versionId) internal view returns (uint48) {
        return _bonds[payee][versionId].convictedAt;
    }

    function _needBond(address payee, bytes32 versionId) internal view returns (Bond storage bond) {
        bond = _bonds[payee][versionId];
        if (bond.held == 0 && bond.unbonding == 0) revert BondMissing(payee, versionId);
    }

    function _credit(bytes32 accusationId, address account, Reason reason, uint256 amount) internal {
        if (amount == 0) return;
        emit BondCredited(accusationId, account, reason, amount);
        _addCredit(account, amount);
    }
}
