// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {JobMarket} from "../contracts/JobMarket.sol";
import {Modules, Params} from "../contracts/base/MarketTerms.sol";
import {IJobMarketErrors} from "../contracts/errors/IJobMarketErrors.sol";
import {IPaymentErrors} from "../contracts/errors/IPaymentErrors.sol";
import {IAssetRegistry} from "../contracts/interfaces/IAssetRegistry.sol";
import {IJobMarket, Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {IStakeVault} from "../contracts/interfaces/IStakeVault.sol";
import {AuctionKind, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {MarketBase} from "./MarketBase.sol";
import {Shipped} from "./Shipped.sol";

/// The constructor's bounds, the pause, and posting by one signature.
contract JobMarketDeployTest is MarketBase {
    function _new(Params memory params) private returns (JobMarket) {
        address[6] memory verifiers;
        return Shipped.jobMarket(token, registry, vault, _modules(), verifiers, params);
    }

    function _refuse(Params memory params, string memory name, uint256 actual, uint256 least, uint256 most) private {
        vm.expectRevert(abi.encodeWithSelector(IPaymentErrors.ParameterOutOfBounds.selector, name, actual, least, most));
        _new(params);
    }

    function test_params() public {
        JobMarket made = _new(_params());
        vm.assertEq(keccak256(abi.encode(made.params())), keccak256(abi.encode(_params())));
        vm.assertEq(made.verifierOf(Tier.Zk), address(0));
        vm.assertEq(market.verifierOf(Tier.Zk), address(verifier));
    }

    function test_bounds() public {
        Params memory params = _params();
        params.protocolFeeBps = 1_001;
        _refuse(params, "protocolFeeBps", 1_001, 0, 1_000);
        params = _params();
        params.lockBps = 10_001;
        _refuse(params, "lockBps", 10_001, 0, 10_000);
        params = _params();
        params.undeliveredFeeBps = 1_001;
        _refuse(params, "undeliveredFeeBps", 1_001, 0, 1_000);
        params = _params();
        params.minLock = 0;
        _refuse(params, "minLock", 0, 1, type(uint128).max);
        params = _params();
        params.gasCompensation = 10 * ONE + 1;
        _refuse(params, "gasCompensation", 10 * ONE + 1, 0, 10 * ONE);
        params = _params();
        params.undeliveredFeeCap = 10 * ONE + 1;
        _refuse(params, "undeliveredFeeCap", 10 * ONE + 1, 0, 10 * ONE);
    }

    /// tests/core/test_settlement.py runs the same cases.
    function test_locksByTier() public {
        string memory json = vm.readFile("../tests/vectors/settlement.json");
        Params memory params = _params();
        params.gasCompensation = params.undeliveredFeeCap = 0;
        JobMarket made;
        uint256 count = 0;
        for (;; ++count) {
            string memory at = string.concat(".locks[", vm.toString(count), "]");
            if (!vm.keyExistsJson(json, at)) break;
            params.lockBps = uint16(vm.parseJsonUint(json, string.concat(at, ".lockBps")));
            params.minLock = uint128(vm.parseJsonUint(json, string.concat(at, ".minLock")));
            made = _new(params);
            uint128 price = uint128(vm.parseJsonUint(json, string.concat(at, ".maxPrice")));
            vm.assertEq(made.lockFor(Tier.Zk, price), vm.parseJsonUint(json, string.concat(at, ".lock")));
            uint256 expected = vm.parseJsonUint(json, string.concat(at, ".optimisticLock"));
            vm.assertEq(made.lockFor(Tier.Optimistic, price), expected);
        }
        vm.assertGe(count, 100);
        // A price of which twice the amount is no amount cannot be posted.
        vm.expectRevert();
        made.lockFor(Tier.Optimistic, 2 ** 127);
    }

    function test_addresses() public {
        address[6] memory verifiers;
        Params memory params = _params();
        vm.expectRevert(_missing("token"));
        Shipped.jobMarket(IERC20(address(0)), registry, vault, _modules(), verifiers, params);
        vm.expectRevert(_missing("registry"));
        Shipped.jobMarket(token, IAssetRegistry(ANYONE), vault, _modules(), verifiers, params);
        vm.expectRevert(_missing("vault"));
        Shipped.jobMarket(token, registry, IStakeVault(address(0)), _modules(), verifiers, params);
        verifiers[5] = ANYONE;
        vm.expectRevert(_missing("verifier"));
        Shipped.jobMarket(token, registry, vault, _modules(), verifiers, params);
        verifiers[5] = address(0);
        params.treasury = address(0);
        vm.expectRevert(_missing("treasury"));
        Shipped.jobMarket(token, registry, vault, _modules(), verifiers, params);
        params = _params();
        params.guardian = address(0);
        vm.expectRevert(_missing("guardian"));
        Shipped.jobMarket(token, registry, vault, _modules(), verifiers, params);
    }

    function test_modules() public {
        vm.assertEq(address(market.providers()), address(providers));
        vm.assertEq(address(market.reputation()), address(reputation));
        vm.assertEq(address(market.feeShares()), address(feeShares));
        vm.assertEq(address(market.batchAuction()), address(batch));
        string[4] memory names = ["providers", "reputation", "feeShares", "batch"];
        address[6] memory verifiers;
        for (uint256 i = 0; i < 4; ++i) {
            Modules memory modules = _modules();
            // A struct of addresses is an array of words in memory.
            assembly ("memory-safe") {
                mstore(add(modules, mul(i, 0x20)), 0)
            }
            vm.expectRevert(_missing(names[i]));
            Shipped.jobMarket(token, registry, vault, modules, verifiers, _params());
        }
    }

    function test_pauseStopsNewJobsOnly() public {
        (bytes32 running, Terms memory terms) = _ready(Tier.Zk);
        (bytes32 open,) = _postWith(2);
        vm.expectEmit(address(market));
        emit IJobMarket.Paused(uint48(START + 3 days));
        vm.prank(GUARDIAN);
        market.pause();
        Request memory request = _request(AuctionKind.Fixed, Tier.Zk);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.MarketPaused.selector, START + 3 days));
        vm.prank(CONSUMER);
        market.post(request, 3);
        _bid(open, BOB, MAX_PRICE);
        _submit(running, terms, Verdict.Accepted);
        vm.prank(ALICE);
        market.withdraw();
        vm.warp(START + 3 days);
        _postWith(3);
    }

    function test_pauseIsRareAndTheGuardians() public {
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.NotGuardian.selector, GUARDIAN, ANYONE));
        vm.prank(ANYONE);
        market.pause();
        vm.prank(GUARDIAN);
        market.pause();
        uint256 next = START + 33 days;
        vm.warp(next - 1);
        vm.expectRevert(abi.encodeWithSelector(IJobMarketErrors.PauseTooSoon.selector, next));
        vm.prank(GUARDIAN);
        market.pause();
        vm.warp(next);
        vm.prank(GUARDIAN);
        market.pause();
    }

    function test_postBySignatureInOneTransaction() public {
        (address account, bytes[] memory calls) = _permitAndPost();
        vm.prank(account);
        bytes[] memory results = market.multicall(calls);
        bytes32 jobId = abi.decode(results[1], (bytes32));
        vm.assertEq(market.jobOf(jobId).consumer, account);
        _needState(jobId, State.Open);
    }

    function test_aPermitSeenAndSentFirstDoesNoHarm() public {
        (address account, bytes[] memory calls) = _permitAndPost();
        (uint8 v, bytes32 r, bytes32 s) = _signature(account, START + 1);
        vm.prank(ANYONE);
        token.permit(account, address(market), MAX_PRICE, START + 1, v, r, s);
        vm.prank(account);
        market.multicall(calls);
    }

    function test_aMulticallIsAllOrNothing() public {
        (address account, bytes[] memory calls) = _permitAndPost();
        calls[0] = calls[1];
        vm.expectRevert();
        vm.prank(account);
        market.multicall(calls);
        vm.assertEq(market.totalEscrow(), 0);
    }

    uint256 private constant KEY = 0xBEEF;

    function _permitAndPost() private returns (address account, bytes[] memory calls) {
        account = vm.addr(KEY);
        token.transfer(account, MAX_PRICE);
        (uint8 v, bytes32 r, bytes32 s) = _signature(account, START + 1);
        calls = new bytes[](2);
        calls[0] = abi.encodeWithSelector(market.selfPermit.selector, uint256(MAX_PRICE), START + 1, v, r, s);
        calls[1] = abi.encodeCall(market.post, (_request(AuctionKind.Fixed, Tier.Zk), 1));
    }

    function _signature(address account, uint256 deadline) private view returns (uint8, bytes32, bytes32) {
        bytes32 typeHash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 structHash = keccak256(
            abi.encode(typeHash, account, address(market), uint256(MAX_PRICE), token.nonces(account), deadline)
        );
        return vm.sign(KEY, keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), structHash)));
    }

    function _postWith(uint256 nonce) private returns (bytes32 jobId, Terms memory terms) {
        Request memory request = _request(AuctionKind.Fixed, Tier.Zk);
        (terms,) = market.quote(request);
        vm.prank(CONSUMER);
        jobId = market.post(request, nonce);
    }

    function _missing(string memory name) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IPaymentErrors.AddressMissing.selector, name);
    }
}
