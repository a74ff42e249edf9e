// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MarketToken} from "../contracts/MarketToken.sol";
import {PaymentChannels} from "../contracts/PaymentChannels.sol";
import {ServingBonds} from "../contracts/ServingBonds.sol";
import {Job, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {ChannelTerms} from "../contracts/interfaces/IPaymentChannels.sol";
import {Accusation, Bond, Statement} from "../contracts/interfaces/IServingBonds.sol";
import {State, Tier} from "../contracts/interfaces/Types.sol";
import {BURN_ADDRESS} from "../contracts/libraries/Limits.sol";
import {Base} from "./Base.sol";
import {Statements} from "./Statements.sol";
import {Trees} from "./Trees.sol";

/// Jobs as the market tells of them: accepted once their window has passed.
contract ToyJudge {
    mapping(bytes32 jobId => Job) private _jobs;

    function put(bytes32 jobId, Job calldata job) external {
        _jobs[jobId] = job;
    }

    function jobOf(bytes32 jobId) external view returns (Job memory) {
        return _jobs[jobId];
    }

    function stateOf(bytes32 jobId) external view returns (State) {
        Job storage job = _jobs[jobId];
        return block.timestamp < uint256(job.submittedAt) + job.verificationWindow ? State.Submitted : State.Accepted;
    }
}

/// @title Random play: two payers accuse two payees, one of whom lies now and then, by jobs that all tell the truth
contract BondHandler is Base {
    using Trees for bytes32[][];
    using Statements for Statement;

    uint256 public constant HONEST = 0x101;
    uint256 public constant LIAR = 0x102;
    bytes32 public constant VERSION = keccak256("version");
    bytes32 private constant TRUTH = keccak256("truth");
    uint256 private constant INPUT_TYPE = 1 << 128 | 1 << 96 | 1 << 64 | 1 << 32 | 8;

    ServingBonds private immutable bonds;
    PaymentChannels private immutable channels;
    MarketToken private immutable token;
    ToyJudge private immutable judge;
    address[2] public payers = [address(0xC1), address(0xC2)];
    address[2] public payees = [vm.addr(HONEST), vm.addr(LIAR)];

    bytes32[] public accusations;
    bytes32[] public jobs;
    Terms[] private _terms;
    mapping(bytes32 accusationId => bool) private _listed; // one that is made again stands there once
    uint256 public donated;
    mapping(address payee => uint256) public paidIn;
    mapping(address payee => uint256) public takenOut;
    mapping(bytes32 accusationId => uint256) public convictions;
    /// Until when an accusation that was made in time keeps what unbonds.
    mapping(address payee => uint256) public promised;

    constructor(ServingBonds bonds_, PaymentChannels channels_, MarketToken token_, ToyJudge judge_) {
        (bonds, channels, token, judge) = (bonds_, channels_, token_, judge_);
    }

    function accused() external view returns (uint256) {
        return accusations.length;
    }

    function judged() external view returns (uint256) {
        return jobs.length;
    }

    // ---------------------------------------------------------------- payees

    function deposit(uint256 who, uint128 amount) external {
        address payee = payees[who % 2];
        amount = uint128(_within(amount, 1, 1e20));
        paidIn[payee] += amount;
        vm.prank(payee);
        bonds.deposit(VERSION, amount);
    }

    function requestWithdraw(uint256 who, uint128 amount) external {
        address payee = payees[who % 2];
        Bond memory bond = bonds.bondOf(payee, VERSION);
        if (bond.held == 0) return;
        vm.prank(payee);
        bonds.requestWithdraw(VERSION, uint128(_within(amount, 1, bond.held)));
    }

    function withdrawBond(uint256 who) external {
        address payee = payees[who % 2];
        Bond memory bond = bonds.bondOf(payee, VERSION);
        bool out = bond.unbonding != 0 && block.timestamp >= bond.releaseAt && block.timestamp >= bond.heldUntil;
        if (!out) vm.expectRevert();
        vm.prank(payee);
        uint256 amount = bonds.withdrawBond(VERSION);
        if (!out) return;
        vm.assertGe(block.timestamp, promised[payee]);
        vm.assertEq(amount, bond.unbonding);
        takenOut[payee] += amount;
    }

    // ---------------------------------------------------------------- payers

    function accuse(uint256 who, uint64 call, uint256 input, uint256 output) external {
        (ChannelTerms memory terms, Statement memory s) = _said(who, call, input, output);
        bytes32 id = s.idOf(address(bonds));
        Bond memory bond = bonds.bondOf(terms.payee, VERSION);
        (uint256[] memory typeWords, bytes[] memory inputs) = (new uint256[](1), new bytes[](1));
        (typeWords[0], inputs[0]) = (INPUT_TYPE, _input(input));
        bool good = !_stands(id) && !bonds.isSpent(id) && uint256(bond.held) + bond.unbonding != 0;
        if (!good) vm.expectRevert();
        vm.prank(terms.payer);
        bonds.accuse(terms, s, typeWords, inputs);
        if (!good) return;
        if (!_listed[id]) accusations.push(id);
        _listed[id] = true;
        uint256 lapsesAt = block.timestamp + bonds.accusationWindow();
        if (bond.unbonding != 0 && block.timestamp < bond.releaseAt) promised[terms.payee] = lapsesAt;
    }

    function contradict(uint256 who, uint64 call, uint256 input, uint256 output, uint256 other) external {
        (ChannelTerms memory terms, Statement memory first) = _said(who, call, input, output);
        (, Statement memory second) = _said(who ^ 1, call % 3 + 1, input, other);
        Bond memory bond = bonds.bondOf(terms.payee, VERSION);
        bytes32 id = first.idOf(address(bonds));
        bool good =
            first.exactOutput != second.exactOutput && !bonds.isSpent(id) && uint256(bond.held) + bond.unbonding != 0;
        if (!good) vm.expectRevert();
        vm.prank(terms.payer);
        uint128 slashed = bonds.contradict(terms, first, second);
        if (!good) return;
        vm.assertEq(slashed, uint256(bond.held) + bond.unbonding, "a contradiction takes all");
        vm.assertFalse(_stands(id), "an accusation by what has convicted");
        ++convictions[id];
    }

    /// @dev It came to the truth, and can be challenged for a while.
    function run(uint256 who, uint256 input, uint128 lock) external {
        Terms memory terms;
        (terms.request.versionId, terms.request.tier) = (VERSION, Tier.Optimistic);
        terms.request.inputCommitment = _exactInput(input);
        Job memory job;
        (job.consumer, job.versionId) = (payers[who % 2], VERSION);
        (job.termsHash, job.outputCommitment) = (keccak256(abi.encode(terms)), TRUTH);
        (job.submittedAt, job.verificationWindow) = (uint48(block.timestamp), bonds.minVerification());
        job.lock = uint128(_within(lock, 1, 1e20));
        bytes32 jobId = keccak256(abi.encode("job", jobs.length));
        judge.put(jobId, job);
        jobs.push(jobId);
        _terms.push(terms);
    }

    function convict(uint256 which, uint256 by) external {
        if (accusations.length == 0 || jobs.length == 0) return;
        bytes32 id = accusations[_recent(which, accusations.length)];
        uint256 at = _recent(by, jobs.length);
        Accusation memory found = bonds.accusationOf(id);
        Job memory job = judge.jobOf(jobs[at]);
        bool good = !found.ended && job.consumer == found.payer && job.submittedAt >= found.accusedAt
            && judge.stateOf(jobs[at]) == State.Accepted && found.exactOutput != TRUTH
            && _terms[at].request.inputCommitment == found.exactInput;
        Bond memory bond = bonds.bondOf(found.payee, VERSION);
        uint128 left = job.lock - bonds.takenBy(jobs[at]);
        if (!good) vm.expectRevert();
        vm.prank(found.payer);
        uint128 slashed = bonds.convict(id, jobs[at], _terms[at]);
        if (!good) return;
        uint256 there = uint256(bond.held) + bond.unbonding;
        vm.assertEq(slashed, left < there ? left : there, "what a conviction takes");
        ++convictions[id];
    }

    function lapse(uint256 which) external {
        if (accusations.length == 0) return;
        bytes32 id = accusations[_recent(which, accusations.length)];
        Accusation memory found = bonds.accusationOf(id);
        if (found.ended || block.timestamp < found.lapsesAt) vm.expectRevert();
        bonds.lapse(id);
    }

    function withdraw(uint256 who) external {
        address account = who % 2 == 0 ? payers[(who / 2) % 2] : payees[(who / 2) % 2];
        if (bonds.creditOf(account) == 0) return;
        vm.prank(account);
        bonds.withdraw();
    }

    function burn() external {
        if (bonds.creditOf(BURN_ADDRESS) != 0) bonds.burn();
    }

    function donate(uint256 amount) external {
        amount = _within(amount, 1, 1e18);
        token.transfer(address(bonds), amount);
        donated += amount;
    }

    function wait(uint256 time) external {
        vm.warp(block.timestamp + _within(time, 1, 10 days));
    }

    // ---------------------------------------------------------------- what was said

    /// @dev By the honest one the truth; by the other what comes.
    function _said(uint256 who, uint64 call, uint256 input, uint256 output)
        private
        view
        returns (ChannelTerms memory terms, Statement memory s)
    {
        uint256 key = (who / 2) % 2 == 0 ? HONEST : LIAR;
        (terms.payer, terms.payee, terms.versionId) = (payers[who % 2], vm.addr(key), VERSION);
        (s.channelId, s.call, s.versionId) = (channels.idOf(terms), call % 3, VERSION);
        s.exactInput = _exactInput(input);
        s.exactOutput = key == HONEST || output % 3 == 0 ? TRUTH : keccak256(abi.encode(output % 3));
        s = s.sign(key, address(channels));
    }

    function _input(uint256 which) private pure returns (bytes memory) {
        return abi.encodePacked(uint64(which % 2));
    }

    function _exactInput(uint256 which) private view returns (bytes32) {
        bytes32 tree = Trees.overBytes(_input(which)).root();
        bytes32 root = sha256(abi.encode(keccak256("mlm/exact-tensor/1"), INPUT_TYPE, tree));
        root = sha256(abi.encodePacked(root));
        return keccak256(abi.encode(keccak256("mlm/in/1"), uint8(2), uint8(3), VERSION, root));
    }

    function _stands(bytes32 id) private view returns (bool) {
        Accusation memory found = bonds.accusationOf(id);
        return found.accusedAt != 0 && !found.ended;
    }

    /// @dev One of the last six.
    function _recent(uint256 which, uint256 length) private pure returns (uint256) {
        return length - 1 - which % (length < 6 ? length : 6);
    }
}
