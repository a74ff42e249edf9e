// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Payments} from "./base/Payments.sol";
import {PullCredits} from "./base/PullCredits.sol";
import {IAttesterSetErrors} from "./errors/IAttesterSetErrors.sol";
import {Attester, IAttesterSet} from "./interfaces/IAttesterSet.sol";
import {BPS, BURN_ADDRESS, CHALLENGER_BPS, MAX_UNBONDING, MIN_UNBONDING} from "./libraries/Limits.sol";
import {MAX_ATTESTERS, MAX_URL} from "./libraries/TeeLimits.sol";

/// @title Who may attest: n members with stake, of whom m must sign
/// @notice See IAttesterSet. Immutable; the governance moves members and m within the bounds here, and no money.
/// INVARIANT: token.balanceOf(this) >= sum of all stake and unbonding + totalCredit; equal unless somebody donates.
/// INVARIANT: at most MAX_ATTESTERS members, each listed once, each with a stake of minStake or more: it falls only by leaving,
/// removal or a slash, and these end the membership.
/// SAFETY: a signature that counted at a submission stays slashable until the job is judged, whatever becomes of the membership: what
/// leaves unbonds for MIN_UNBONDING at least, and no result, of a session key or not, can be judged for longer (MAX_SESSION).
/// ASSUMPTION: the verifier is the deployment's own, and slashes only for what it has proven.
contract AttesterSet is IAttesterSet, IAttesterSetErrors, PullCredits {
    using SafeERC20 for IERC20;

    /// An attester as it is stored, in two words; a check reads the second one.
    struct Record {
        uint128 stake;
        uint128 unbonding;
        uint48 releaseAt;
        uint48 activeFrom;
        uint8 place; // among the members, from 1; 0: none
    }

    /// @inheritdoc IAttesterSet
    address public immutable governance;
    /// @inheritdoc IAttesterSet
    address public immutable verifier;
    /// @inheritdoc IAttesterSet
    uint128 public immutable minStake;
    /// @inheritdoc IAttesterSet
    uint48 public immutable unbondingPeriod;

    address[] private _members;
    mapping(address account => Record) private _records;
    mapping(address account => string) private _urls;

    // m, and the m that follows it at a time.
    uint8 private _threshold;
    uint8 private _next;
    uint48 private _nextFrom;

    modifier onlyGovernance() {
        if (msg.sender != governance) revert NotGovernance(governance, msg.sender);
        _;
    }

    /// @param verifier_ May have no code yet: set and verifier name each other.
    constructor(IERC20 token_, address verifier_, address governance_, uint128 minStake_, uint48 unbondingPeriod_)
        Payments(token_)
    {
        _present("verifier", verifier_);
        _present("governance", governance_);
        _bounded("minStake", minStake_, 1, type(uint128).max);
        _bounded("unbondingPeriod", unbondingPeriod_, MIN_UNBONDING, MAX_UNBONDING);
        (verifier, governance, minStake, unbondingPeriod) = (verifier_, governance_, minStake_, unbondingPeriod_);
    }

    // ---------------------------------------------------------------- attesters

    /// @inheritdoc IAttesterSet
    function deposit(uint128 amount) external nonReentrant {
        if (amount == 0) revert AttesterStakeZero(msg.sender);
        _records[msg.sender].stake += amount;
        emit AttesterStaked(msg.sender, amount);
        _pull(amount);
    }

    /// @inheritdoc IAttesterSet
    function setUrl(string calldata url) external {
        bytes calldata text = bytes(url);
        if (text.length == 0 || text.length > MAX_URL) revert UrlMalformed(text.length, MAX_URL);
        for (uint256 i = 0; i < text.length; ++i) {
            if (text[i] < 0x21 || text[i] > 0x7e) revert UrlMalformed(text.length, MAX_URL);
        }
        _urls[msg.sender] = url;
        emit AttesterUrlSet(msg.sender, url);
    }

    /// @inheritdoc IAttesterSet
    function leave() external {
        if (_records[msg.sender].stake == 0) revert NothingAtStake(msg.sender);
        _drop(msg.sender);
        _unbond(msg.sender);
    }

    /// @inheritdoc IAttesterSet
    function withdrawStake() external nonReentrant returns (uint256 amount) {
        Record storage record = _records[msg.sender];
        amount = record.unbonding;
        if (amount == 0) revert NothingAtStake(msg.sender);
        if (block.timestamp < record.releaseAt) revert AttesterStillUnbonding(msg.sender, record.releaseAt);
        record.unbonding = 0;
        emit AttesterWithdrawn(msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    // ---------------------------------------------------------------- the governance

    /// @inheritdoc IAttesterSet
    function admit(address attester) external onlyGovernance {
        Record storage record = _records[attester];
        if (record.place != 0) revert AttesterAlreadyMember(attester);
        if (record.stake < minStake) revert AttesterStakeTooLow(attester, minStake, record.stake);
        if (_members.length == MAX_ATTESTERS) revert AttestersFull(MAX_ATTESTERS);
        _members.push(attester);
        uint48 activeFrom = _noticed(threshold() == 0);
        // SAFETY: at most MAX_ATTESTERS.
        // forge-lint: disable-next-line(unsafe-typecast)
        (record.place, record.activeFrom) = (uint8(_members.length), activeFrom);
        emit AttesterAdmitted(attester, activeFrom);
    }

    /// @inheritdoc IAttesterSet
    function remove(address attester) external onlyGovernance {
        if (_records[attester].place == 0) revert NotAttester(attester);
        _drop(attester);
        _unbond(attester);
    }

    /// @inheritdoc IAttesterSet
    function setThreshold(uint8 threshold_) external onlyGovernance {
        if (threshold_ == 0 || threshold_ > _members.length) {
            revert ThresholdOutOfBounds(threshold_, 1, _members.length);
        }
        uint8 now_ = threshold();
        uint48 activeFrom = _noticed(threshold_ >= now_);
        if (threshold_ >= now_) now_ = threshold_;
        // One that was to follow is forgotten, whichever it was.
        (_threshold, _next, _nextFrom) = (now_, threshold_, activeFrom);
        emit ThresholdSet(threshold_, activeFrom);
    }

    // ---------------------------------------------------------------- the verifier

    /// @inheritdoc IAttesterSet
    function slash(address attester, address reporter) external returns (uint256 amount) {
        if (msg.sender != verifier) revert NotTeeVerifier(verifier, msg.sender);
        Record storage record = _records[attester];
        amount = uint256(record.stake) + record.unbonding;
        if (amount == 0) return 0;
        _drop(attester);
        (record.stake, record.unbonding) = (0, 0);
        uint256 reward = (amount * CHALLENGER_BPS) / BPS;
        emit AttesterSlashed(attester, reporter, amount, reward);
        _addCredit(reporter, reward);
        _addCredit(BURN_ADDRESS, amount - reward);
    }

    /// @inheritdoc IAttesterSet
    function burn() external nonReentrant returns (uint256 amount) {
        return _payOut(BURN_ADDRESS);
    }

    // ---------------------------------------------------------------- views

    /// @inheritdoc IAttesterSet
    function attesterOf(address account) external view returns (Attester memory) {
        Record storage record = _records[account];
        return Attester(record.stake, record.unbonding, record.releaseAt, record.activeFrom, _urls[account]);
    }

    /// @inheritdoc IAttesterSet
    function isActive(address account) public view returns (bool) {
        uint48 activeFrom = _records[account].activeFrom;
        return activeFrom != 0 && block.timestamp >= activeFrom;
    }

    /// @inheritdoc IAttesterSet
    function members() external view returns (address[] memory) {
        return _members;
    }

    /// @inheritdoc IAttesterSet
    function threshold() public view returns (uint8) {
        return block.timestamp < _nextFrom ? _threshold : _next;
    }

    /// @inheritdoc IAttesterSet
    function pendingThreshold() external view returns (uint8 threshold_, uint48 activeFrom) {
        return block.timestamp < _nextFrom ? (_next, _nextFrom) : (0, 0);
    }

    /// @inheritdoc IAttesterSet
    function activeCount() external view returns (uint256) {
        return _countActive(MAX_ATTESTERS);
    }

    /// @inheritdoc IAttesterSet
    function isReady() external view returns (bool) {
        uint8 needed = threshold();
        return needed != 0 && _countActive(needed) == needed;
    }

    // ---------------------------------------------------------------- parts

    /// @dev Members whose signatures count now; it looks no further once there are `most`. At most MAX_ATTESTERS are looked at.
    function _countActive(uint256 most) private view returns (uint256 count) {
        uint256 size = _members.length;
        for (uint256 i = 0; i < size && count < most; ++i) {
            if (isActive(_members[i])) ++count;
        }
    }

    /// @dev When what the governance does holds: now, or after its notice.
    function _noticed(bool atOnce) private view returns (uint48) {
        return uint48(block.timestamp) + (atOnce ? 0 : unbondingPeriod);
    }

    /// @dev Ends a membership, if it is one; the last member takes its place.
    function _drop(address attester) private {
        Record storage record = _records[attester];
        uint8 place = record.place;
        if (place == 0) return;
        address last = _members[_members.length - 1];
        _members[place - 1] = last;
        _records[last].place = place;
        _members.pop();
        (record.place, record.activeFrom) = (0, 0);
        emit AttesterRemoved(attester);
    }

    /// @dev All stake goes the way out; what is on it waits for the newer part.
    function _unbond(address attester) private {
        Record storage record = _records[attester];
        uint128 amount = record.stake;
        uint48 releaseAt = uint48(block.timestamp) + unbondingPeriod;
        record.stake = 0;
        record.unbonding += amount;
        record.releaseAt = releaseAt;
        emit AttesterUnbonding(attester, amount, releaseAt);
    }
}
