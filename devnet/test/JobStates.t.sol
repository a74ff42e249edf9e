// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AuctionKind, State, Verdict} from "../contracts/interfaces/Types.sol";
import {Ending, JobRecord} from "../contracts/libraries/JobRecord.sol";
import {JobStates} from "../contracts/libraries/JobStates.sol";
import {Base} from "./Base.sol";

contract JobStatesTest is Base {
    JobRecord private _job;

    /// tests/core/test_job.py runs the same file.
    function test_vectors() public {
        string memory json = vm.readFile("../tests/vectors/job_states.json");
        uint256 count = 0;
        while (vm.keyExistsJson(json, string.concat(".rows[", vm.toString(count), "]"))) {
            string memory at = string.concat(".rows[", vm.toString(count), "]");
            uint256[] memory row = vm.parseJsonUintArray(json, at);
            vm.assertEq(row.length, 16);
            _load(row);
            State state = JobStates.beforeVerdict(_job, row[13]);
            if (state == State.Submitted) state = JobStates.underVerdict(_job, row[13], Verdict(row[14]));
            vm.assertEq(uint256(state), row[15], at);
            ++count;
        }
        vm.assertGe(count, 130);
    }

    function test_finalStates() public pure {
        bool[13] memory expected = [false, false, false, false, false, false, false, true, true, true, true, true, true];
        for (uint8 i = 0; i < 13; ++i) {
            vm.assertEq(JobStates.isFinal(State(i)), expected[i]);
        }
    }

    /// @dev Columns as the file names them.
    function _load(uint256[] memory row) private {
        _job.postedAt = uint40(row[0]);
        _job.bidsCloseAt = uint40(row[1]);
        _job.provider = address(uint160(row[2]));
        _job.deliveryWindow = uint24(row[3]);
        _job.executionWindow = uint24(row[4]);
        _job.verificationWindow = uint24(row[5]);
        _job.acceptedAt = uint40(row[6]);
        _job.submittedAt = uint40(row[7]);
        _job.ending = row[8] == 1 ? Ending.Cancelled : row[9] == 1 ? Ending.Verified : Ending.Open;
        _job.auction = AuctionKind(row[10]);
        _job.extraWindow = uint24(row[11]);
        _job.commitments = uint32(row[12]);
    }
}
