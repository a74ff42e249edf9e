// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Reputation} from "../contracts/Reputation.sol";
import {IReputationErrors} from "../contracts/errors/IReputationErrors.sol";
import {Job, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {IReputation, Standing} from "../contracts/interfaces/IReputation.sol";
import {Outcome, State} from "../contracts/interfaces/Types.sol";
import {Base} from "./Base.sol";
import {Shipped} from "./Shipped.sol";

interface VmStore {
    function store(address account, bytes32 slot, bytes32 value) external;
}

/// A market that says of a job what a test wants.
contract ToyMarket {
    State public state;
    Job private _job;

    function say(State state_, Job memory job) external {
        state = state_;
        _job = job;
    }

    function stateOf(bytes32) external view returns (State) {
        return state;
    }

    function jobOf(bytes32) external view returns (Job memory) {
        return _job;
    }
}

contract ReputationTest is Base {
    address private constant CONSUMER = address(0xC0);
    address private constant ALICE = address(0xA1);
    address private constant BOB = address(0xB0);
    bytes32 private constant JOB = keccak256("job");
    bytes32 private constant OTHER = keccak256("another job");
    uint128 private constant ONE = 1e18;

    ToyMarket private market;
    Reputation private reputation;

    function setUp() public {
        market = new ToyMarket();
        reputation = Shipped.reputation(address(market));
    }

    function _record(bytes32 jobId, Outcome outcome, uint128 price, uint128 points) private {
        vm.prank(address(market));
        reputation.record(jobId, ALICE, outcome, price, points);
    }

    /// @dev Terms by which 30 % of a fee of 1 % burns.
    function _terms() private pure returns (Terms memory terms) {
        terms.snapshot.protocolFeeBps = 100;
        terms.snapshot.treasuryBps = 4_000;
        terms.snapshot.stakersBps = 3_000;
    }

    /// @dev The market says that ALICE did the job for CONSUMER at `price`, under `terms`.
    function _say(State state, uint128 price, uint48 settledAt, Terms memory terms) private {
        Job memory job;
        job.consumer = CONSUMER;
        job.provider = ALICE;
        job.price = price;
        job.settledAt = settledAt;
        job.termsHash = keccak256(abi.encode(terms));
        market.say(state, job);
    }

    function _rate(bytes32 jobId, uint8 stars) private {
        vm.prank(CONSUMER);
        reputation.rate(jobId, _terms(), stars);
    }

    // ---------------------------------------------------------------- record

    function test_recordCountsEveryOutcome() public {
        vm.expectEmit(address(reputation));
        emit IReputation.JobRecorded(JOB, ALICE, Outcome.Accepted, 100, 3);
        _record(JOB, Outcome.Accepted, 100, 3);
        _record(OTHER, Outcome.Accepted, 50, 2);
        // What was not accepted earned nothing, whatever the market says of it.
        vm.expectEmit(address(reputation));
        emit IReputation.JobRecorded(JOB, ALICE, Outcome.Rejected, 0, 0);
        _record(JOB, Outcome.Rejected, 100, 3);
        _record(JOB, Outcome.Undelivered, 100, 3);
        _record(JOB, Outcome.Undelivered, 100, 3);
        _record(JOB, Outcome.Defaulted, 100, 3);
        Standing memory standing = reputation.reputationOf(ALICE);
        vm.assertEq(standing.accepted, 2);
        vm.assertEq(standing.rejected, 1);
        vm.assertEq(standing.undelivered, 2);
        vm.assertEq(standing.defaulted, 1);
        vm.assertEq(standing.value, 150);
        vm.assertEq(standing.points, 5);
        vm.assertEq(reputation.pointsOf(ALICE), 5);
        vm.assertEq(reputation.pointsOf(BOB), 0);
        vm.assertEq(reputation.reputationOf(BOB).accepted, 0);
    }

    function test_onlyTheMarketRecords() public {
        vm.expectRevert(abi.encodeWithSelector(IReputationErrors.NotMarket.selector, address(market), address(this)));
        reputation.record(JOB, ALICE, Outcome.Accepted, 1, 1);
    }

    /// A sum that is full must not stop a settlement.
    function test_numbersStopAtTheLargest() public {
        _record(JOB, Outcome.Accepted, type(uint128).max, type(uint128).max - 1);
        _record(JOB, Outcome.Accepted, 1, 1);
        _record(JOB, Outcome.Accepted, type(uint128).max, type(uint128).max);
        Standing memory standing = reputation.reputationOf(ALICE);
        vm.assertEq(standing.accepted, 3);
        vm.assertEq(standing.value, type(uint128).max);
        vm.assertEq(standing.points, type(uint128).max);
        // The four counts are the lower half of the first word.
        bytes32 slot = keccak256(abi.encode(ALICE, uint256(1)));
        VmStore(address(vm)).store(address(reputation), slot, bytes32(uint256(type(uint128).max)));
        for (uint8 outcome = 0; outcome < 4; ++outcome) {
            _record(JOB, Outcome(outcome), 0, 0);
        }
        standing = reputation.reputationOf(ALICE);
        vm.assertEq(standing.accepted, type(uint32).max);
        vm.assertEq(standing.rejected, type(uint32).max);
        vm.assertEq(standing.undelivered, type(uint32).max);
        vm.assertEq(standing.defaulted, type(uint32).max);
        vm.assertEq(standing.value, 0, "the counts did not reach into the value");
    }

    // ---------------------------------------------------------------- rate

    function test_aRatingWeighsWhatItsJobBurned() public {
        _say(State.Accepted, 1_000 * ONE, 1, _terms());
        vm.expectEmit(address(reputation));
        emit IReputation.JobRated(JOB, ALICE, CONSUMER, 5);
        _rate(JOB, 5);
        _say(State.Accepted, 10 * ONE, 1, _terms());
        _rate(OTHER, 1);
        Standing memory standing = reputation.reputationOf(ALICE);
        vm.assertEq(standing.ratings, 2);
        // 30 % of 1 % of 1,000, and of 10.
        vm.assertEq(standing.ratedPoints, 3 * ONE + 3 * ONE / 100);
        vm.assertEq(standing.starPoints, 15 * ONE + 3 * ONE / 100);
        vm.assertEq(reputation.starsOf(JOB), 5);
        vm.assertEq(reputation.starsOf(OTHER), 1);
        // A rating is no job.
        vm.assertEq(standing.accepted, 0);
        vm.assertEq(standing.points, 0);
    }

    function test_onceOnly() public {
        _say(State.Accepted, ONE, 1, _terms());
        _rate(JOB, 2);
        vm.expectRevert(abi.encodeWithSelector(IReputationErrors.JobAlreadyRated.selector, JOB, 2));
        _rate(JOB, 5);
        vm.assertEq(reputation.reputationOf(ALICE).ratings, 1);
    }

    function test_onlyThePayer() public {
        _say(State.Accepted, ONE, 1, _terms());
        address[2] memory others = [ALICE, BOB];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IReputationErrors.NotConsumer.selector, JOB, CONSUMER, others[i]));
            vm.prank(others[i]);
            reputation.rate(JOB, _terms(), 5);
        }
    }

    function test_oneToFiveStars() public {
        _say(State.Accepted, ONE, 1, _terms());
        uint8[3] memory bad = [0, 6, 255];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IReputationErrors.StarsOutOfBounds.selector, JOB, bad[i], 1, 5));
            _rate(JOB, bad[i]);
        }
    }

    function test_onlyAcceptedAndSettledJobs() public {
        for (uint8 i = 0; i <= uint8(type(State).max); ++i) {
            if (State(i) == State.Accepted) continue;
            _say(State(i), ONE, 1, _terms());
            vm.expectRevert(abi.encodeWithSelector(IReputationErrors.JobNotAccepted.selector, JOB, State(i)));
            _rate(JOB, 5);
        }
        _say(State.Accepted, ONE, 0, _terms());
        vm.expectRevert(abi.encodeWithSelector(IReputationErrors.JobNotSettled.selector, JOB));
        _rate(JOB, 5);
    }

    /// Better terms would make a rating weigh more than its job burned.
    function test_otherTermsAreRefused() public {
        _say(State.Accepted, ONE, 1, _terms());
        Terms memory terms = _terms();
        bytes32 expected = keccak256(abi.encode(terms));
        terms.snapshot.treasuryBps = 0;
        vm.expectRevert(
            abi.encodeWithSelector(
                IReputationErrors.TermsMismatch.selector, JOB, expected, keccak256(abi.encode(terms))
            )
        );
        vm.prank(CONSUMER);
        reputation.rate(JOB, terms, 5);
    }

    function testFuzz_pointsOfARatingAreWhatTheFeeLeaves(
        uint128 price,
        uint16 feeBps,
        uint16 treasuryBps,
        uint16 stakersBps,
        uint8 stars
    ) public {
        Terms memory terms = _terms();
        price = uint128(_within(price, 1, type(uint128).max));
        terms.snapshot.protocolFeeBps = uint16(_within(feeBps, 0, 1_000));
        terms.snapshot.treasuryBps = uint16(_within(treasuryBps, 0, 5_000));
        terms.snapshot.stakersBps = uint16(_within(stakersBps, 0, 3_000));
        stars = uint8(_within(stars, 1, 5));
        _say(State.Accepted, price, 1, terms);
        vm.prank(CONSUMER);
        reputation.rate(JOB, terms, stars);
        uint256 fee = (uint256(price) * terms.snapshot.protocolFeeBps + 9_999) / 10_000;
        if (fee == 0) fee = 1;
        uint256 points = fee - fee * terms.snapshot.treasuryBps / 10_000 - fee * terms.snapshot.stakersBps / 10_000;
        Standing memory standing = reputation.reputationOf(ALICE);
        vm.assertEq(standing.ratedPoints, points);
        vm.assertEq(standing.starPoints, points * stars);
        // However little a job costs, its rating is not free: dust burns.
        vm.assertGe(points, 1);
    }

    function test_sumsOfStarsStopAtTheLargest() public {
        // The third word: starPoints, then ratings.
        bytes32 slot = bytes32(uint256(keccak256(abi.encode(ALICE, uint256(1)))) + 2);
        VmStore(address(vm)).store(address(reputation), slot, bytes32(uint256(type(uint160).max) - 1));
        _say(State.Accepted, ONE, 1, _terms());
        _rate(JOB, 5);
        Standing memory standing = reputation.reputationOf(ALICE);
        vm.assertEq(standing.starPoints, type(uint160).max);
        vm.assertEq(standing.ratings, 1);
    }

    function test_constructor() public {
        vm.expectRevert(abi.encodeWithSelector(IReputationErrors.AddressMissing.selector, "market"));
        Shipped.reputation(address(0));
    }
}
