// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {PaymentChannels} from "../contracts/PaymentChannels.sol";
import {ServingBonds} from "../contracts/ServingBonds.sol";
import {IFeeShares} from "../contracts/interfaces/IFeeShares.sol";
import {Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {ChannelTerms} from "../contracts/interfaces/IPaymentChannels.sol";
import {Accusation, Bond, BondParams, Statement} from "../contracts/interfaces/IServingBonds.sol";
import {MIN_UNBONDING} from "../contracts/libraries/Limits.sol";
import {GameBase} from "./GameBase.sol";
import {Shipped} from "./Shipped.sol";
import {Statements} from "./Statements.sol";

/// @title The real market and game, channels and bonds: CONSUMER pays, and accuses, a payee whose key signs what it likes
abstract contract BondBase is GameBase {
    uint256 internal constant PAYEE_KEY = 0x9A7EE;
    uint128 internal constant HELD = 500 * ONE;
    uint128 internal constant ACCUSING = 10 * ONE;
    uint48 internal constant WINDOW = 14 days;
    uint32 internal constant JUDGING = 1 days;
    /// What a job at MAX_PRICE locks.
    uint128 internal constant LOCK = 2 * MAX_PRICE;
    bytes32 internal constant FALSE = keccak256("what no run of this model gives");

    PaymentChannels internal channels;
    ServingBonds internal bonds;
    address internal payee;
    uint256 private _nonces = 1_000;

    function setUp() public virtual override {
        super.setUp();
        payee = vm.addr(PAYEE_KEY);
        IFeeShares shares = IFeeShares(address(feeShares));
        channels = Shipped.paymentChannels(token, registry, shares, address(vault), TREASURY, 100);
        bonds = Shipped.servingBonds(token, market, channels, _bondParams());
        token.transfer(payee, 10_000 * ONE);
        address[5] memory accounts = [CONSUMER, payee, ALICE, BOB, DAVE];
        for (uint256 i = 0; i < 5; ++i) {
            vm.startPrank(accounts[i]);
            token.approve(address(bonds), type(uint256).max);
            token.approve(address(channels), type(uint256).max);
            token.approve(address(market), type(uint256).max);
            vm.stopPrank();
        }
        vm.prank(payee);
        bonds.deposit(exactVersion, HELD);
    }

    function _bondParams() internal pure returns (BondParams memory) {
        return BondParams(ACCUSING, uint48(MIN_UNBONDING), WINDOW, JUDGING);
    }

    // ---------------------------------------------------------------- what was served

    /// @dev Of a channel that `payer` opens to the payee, or has opened.
    function _channel(address payer) internal returns (ChannelTerms memory terms) {
        bytes32 channelId;
        (terms, channelId,) = channels.quote(payer, payee, payer, exactVersion, 7);
        if (channels.channelOf(channelId).expiresAt != 0) return terms;
        vm.prank(payer);
        channels.open(terms, 10 * ONE, uint48(block.timestamp) + 7 days);
    }

    function _exactInput() internal view returns (bytes32) {
        bytes32[] memory inputs = new bytes32[](1);
        inputs[0] = _honest()[0];
        return _inputCommitment(exactVersion, inputs);
    }

    function _true() internal view returns (bytes32) {
        return _outputCommitment(_honest());
    }

    /// @dev What the payee signs for a call with the exact input of an honest run.
    function _says(ChannelTerms memory terms, uint64 call, bytes32 output) internal view returns (Statement memory s) {
        s.channelId = channels.idOf(terms);
        (s.call, s.servedAt, s.versionId) = (call, uint64(block.timestamp), terms.versionId);
        s.request = keccak256(abi.encode("request", call));
        (s.inputCommitment, s.outputCommitment) = (keccak256("tensors sent"), keccak256("tensors that came back"));
        (s.exactInput, s.exactOutput) = (_exactInput(), output);
        return _signed(s);
    }

    function _signed(Statement memory s) internal view returns (Statement memory) {
        return Statements.sign(s, PAYEE_KEY, address(channels));
    }

    function _inputs() internal pure returns (uint256[] memory typeWords, bytes[] memory inputs) {
        (typeWords, inputs) = (new uint256[](1), new bytes[](1));
        (typeWords[0], inputs[0]) = (_typeOf(0), _tensor(1, 0));
    }

    // ---------------------------------------------------------------- accusations and jobs

    function _accuse(address payer, Statement memory s) internal returns (bytes32) {
        ChannelTerms memory terms = _channel(payer);
        (uint256[] memory typeWords, bytes[] memory inputs) = _inputs();
        vm.prank(payer);
        return bonds.accuse(terms, s, typeWords, inputs);
    }

    /// @dev CONSUMER accuses the payee of a false output of this call.
    function _accused(uint64 call) internal returns (bytes32) {
        return _accuse(CONSUMER, _says(_channel(CONSUMER), call, FALSE));
    }

    /// @dev A job of `consumer` that ALICE hands these roots in for.
    function _run(address consumer, Request memory request, bytes32[] memory roots)
        internal
        returns (bytes32 jobId, Terms memory terms)
    {
        (terms,) = market.quote(request);
        vm.prank(consumer);
        jobId = market.post(request, ++_nonces);
        _bid(jobId, ALICE, request.maxPrice);
        vm.startPrank(ALICE);
        market.accept(jobId);
        market.submit(jobId, terms, _evidence(roots), RESULT);
        vm.stopPrank();
    }

    /// @dev One that came to what the model gives, and that nobody has challenged within its window.
    function _judged(address consumer) internal returns (bytes32 jobId, Terms memory terms) {
        (jobId, terms) = _run(consumer, _exactRequest(), _honest());
        vm.warp(block.timestamp + terms.request.verificationWindow);
    }

    function _convict(bytes32 accusationId, bytes32 jobId, Terms memory terms) internal returns (uint128) {
        address accuser = bonds.accusationOf(accusationId).payer;
        vm.prank(accuser);
        return bonds.convict(accusationId, jobId, terms);
    }

    // ---------------------------------------------------------------- what must hold

    function _bond() internal view returns (Bond memory) {
        return bonds.bondOf(payee, exactVersion);
    }

    function _needBond(uint256 held, uint256 unbonding) internal view {
        vm.assertEq(_bond().held, held, "held");
        vm.assertEq(_bond().unbonding, unbonding, "unbonding");
    }

    /// @dev The contract holds the payee's bond, its credits and a deposit for each accusation that stands.
    function _needCovered(uint256 accusations) internal view {
        uint256 owed = uint256(_bond().held) + _bond().unbonding + accusations * ACCUSING + bonds.totalCredit();
        vm.assertEq(token.balanceOf(address(bonds)), owed, "balance of the bonds");
    }

    function _needEnded(bytes32 accusationId) internal view {
        Accusation memory accusation = bonds.accusationOf(accusationId);
        vm.assertTrue(accusation.accusedAt != 0 && accusation.ended, "ended");
    }
}
