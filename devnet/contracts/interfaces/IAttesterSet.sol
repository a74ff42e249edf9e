// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IPullCredits} from "./IPullCredits.sol";

/// An account that checks evidence of trusted hardware off chain and signs what it found.
struct Attester {
    uint128 stake; // what it deposited and did not take back, in token base units
    uint128 unbonding; // beside it: on its way out, and slashable until it is withdrawn
    uint48 releaseAt; // when `unbonding` can be withdrawn
    uint48 activeFrom; // when its signature begins to count; 0: it is no member
    string url; // where it answers; said by itself, checked by nobody
}

/// @title Who may attest: n members with stake, of whom m must sign
/// @notice The governance admits, removes and sets m, within bounds in code. Until it first sets m nothing is verified, and
/// admissions count at once; from then on an admission, and an m that falls, count only after `unbondingPeriod`, which is
/// longer than a job runs from its posting to its submission: nobody's running job is judged by an easier set than it was
/// posted under. Removals, and an m that rises, count at once. m never follows n: where fewer members than m are left, nothing
/// is verified until the governance has acted.
interface IAttesterSet is IPullCredits {
    event AttesterStaked(address indexed attester, uint256 amount);
    event AttesterUrlSet(address indexed attester, string url);
    /// Its signature counts from `activeFrom` on.
    event AttesterAdmitted(address indexed attester, uint48 activeFrom);
    /// It left, was removed by the governance, or was slashed: its signature counts no more.
    event AttesterRemoved(address indexed attester);
    event AttesterUnbonding(address indexed attester, uint256 amount, uint48 releaseAt);
    event AttesterWithdrawn(address indexed attester, uint256 amount);
    /// It lost all its stake, `reward` of it to the reporter; the rest burns.
    event AttesterSlashed(address indexed attester, address indexed reporter, uint256 amount, uint256 reward);
    /// m is `threshold` from `activeFrom` on.
    event ThresholdSet(uint8 threshold, uint48 activeFrom);

    /// @notice Adds to the caller's stake. Anybody may: a member is who the governance admits.
    function deposit(uint128 amount) external;

    /// @notice Says where the caller answers: 1 to MAX_URL printable characters of ASCII without spaces.
    function setUrl(string calldata url) external;

    /// @notice Ends the caller's membership at once and starts unbonding its whole stake. What unbonds already is added to it and
    /// its clock restarts.
    function leave() external;

    /// @notice Pays out what has finished unbonding.
    function withdrawStake() external returns (uint256 amount);

    /// @notice Makes an account with `minStake` a member. Governance only.
    function admit(address attester) external;

    /// @notice Ends a membership at once; the stake starts unbonding and stays slashable for that long. Governance only.
    function remove(address attester) external;

    /// @notice Sets m, 1 to n. Governance only.
    function setThreshold(uint8 threshold) external;

    /// @notice Takes all stake of an account, unbonding or not, and its membership: CHALLENGER_BPS of it is credited to the reporter,
    /// the rest burns. Nothing happens where there is no stake. TeeVerifier only.
    /// @return amount What it lost.
    function slash(address attester, address reporter) external returns (uint256 amount);

    /// @notice Sends what was burned to the burn address. Anyone may call.
    function burn() external returns (uint256 amount);

    function attesterOf(address account) external view returns (Attester memory);

    /// @notice Whether an account's signature counts now.
    function isActive(address account) external view returns (bool);

    /// @notice The members, those included whose signature does not count yet; in no order.
    function members() external view returns (address[] memory);

    /// @notice m now: how many different members must sign; 0 until it is first set.
    function threshold() external view returns (uint8);

    /// @notice An m that was set and does not hold yet, and from when on; zeros where there is none.
    function pendingThreshold() external view returns (uint8 threshold_, uint48 activeFrom);

    /// @notice How many members' signatures count now.
    function activeCount() external view returns (uint256);

    /// @notice Whether m is set and the signatures of as many members count now.
    function isReady() external view returns (bool);

    function governance() external view returns (address);
    /// @notice The only contract that slashes.
    function verifier() external view returns (address);
    /// @notice What an account must have at stake to be admitted, in token base units.
    function minStake() external view returns (uint128);
    /// @notice Seconds.
    function unbondingPeriod() external view returns (uint48);
}
