// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {AttesterSet} from "../../contracts/AttesterSet.sol";
import {TeeParams, TeeVerifier} from "../../contracts/TeeVerifier.sol";
import {IPaymentErrors} from "../../contracts/errors/IPaymentErrors.sol";
import {Attestation} from "../../contracts/interfaces/IQuoteProofs.sol";
import {BURN_ADDRESS, MIN_UNBONDING} from "../../contracts/libraries/Limits.sol";
import {HookedToken, IHook} from "../HookedToken.sol";
import {FeeToken, IssuedToken} from "../Tokens.sol";
import {TeeBase} from "./TeeBase.sol";
import {Shipped} from "../Shipped.sol";

/// Somebody who is called in the middle of every transfer, and then tries `moves`.
contract Intruder is IHook {
    address[] private _targets;
    bytes[] private _moves;
    uint256 public tried;
    uint256 public succeeded;

    constructor(HookedToken token) {
        token.listen();
    }

    function plan(address target, bytes calldata move) external {
        _targets.push(target);
        _moves.push(move);
    }

    function run(address target, bytes memory call) public returns (bool ok) {
        (ok,) = target.call(call);
    }

    function tokensMove(address, address, uint256, bool) external {
        for (uint256 i = 0; i < _moves.length; ++i) {
            ++tried;
            if (run(_targets[i], _moves[i])) ++succeeded;
        }
    }
}

/// Tokens that call back, take a fee or stop; and whoever would take a report or a stake that is another's.
contract TeeHostileTest is TeeBase {
    HookedToken private hooked;
    Intruder private mallory;

    function _over(address token_) private {
        address verifier_ = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        attesters = Shipped.attesterSet(IERC20(token_), verifier_, GOVERNANCE, MIN_STAKE, uint48(MIN_UNBONDING));
        tee = Shipped.teeVerifier(IERC20(token_), market, attesters, proofs, TeeParams(DEPOSIT, ANSWER, BOND));
    }

    function _hooked() private {
        hooked = new HookedToken();
        _over(address(hooked));
        mallory = new Intruder(hooked);
        hooked.mint(address(mallory), 1_000 * ONE);
        for (uint256 i = 0; i < 2; ++i) {
            address account = _attester(i);
            hooked.mint(account, MIN_STAKE);
            vm.startPrank(account);
            hooked.approve(address(attesters), MIN_STAKE);
            attesters.deposit(MIN_STAKE);
            vm.stopPrank();
        }
        address[2] memory spenders = [address(tee), address(attesters)];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(address(mallory));
            hooked.approve(spenders[i], type(uint256).max);
        }
    }

    /// @dev A false chain that mallory has committed to report, twice.
    function _report() private returns (bytes memory call) {
        bytes memory quote = _unsignedQuoteOf("data");
        Attestation memory a = _attestationOf("job", "data", quote);
        _commitTo(address(mallory), tee.attestationDigest(a));
        return abi.encodeCall(tee.falseChain, (a, _signed(a), quote, SALT));
    }

    /// In the middle of its bond's payment a reporter is paid nothing, neither the bond nor another's.
    function test_nobodyIsPaidDuringAReport() public {
        _hooked();
        // Somebody else's bond, that could be taken.
        hooked.mint(REPORTER, BOND);
        bytes memory quote = _unsignedQuoteOf("other");
        Attestation memory a = _attestationOf("other", "other", quote);
        _commitTo(REPORTER, tee.attestationDigest(a));
        vm.startPrank(REPORTER);
        hooked.approve(address(tee), BOND);
        tee.falseChain(a, new bytes[](0), quote, SALT);
        vm.stopPrank();

        bytes memory call = _report();
        bytes[] memory inner = new bytes[](1);
        inner[0] = abi.encodeCall(tee.withdraw, ());
        mallory.plan(address(tee), inner[0]);
        mallory.plan(address(tee), abi.encodeCall(tee.multicall, (inner)));
        mallory.plan(address(tee), abi.encodeCall(tee.burn, ()));
        mallory.plan(address(tee), call);
        vm.assertTrue(mallory.run(address(tee), call));
        vm.assertEq(mallory.tried(), 4);
        vm.assertEq(mallory.succeeded(), 0);
        vm.assertEq(hooked.balanceOf(address(tee)), 2 * BOND);
        vm.assertEq(tee.totalCredit(), 2 * BOND);
        // The reward waits in the other contract, once.
        vm.assertEq(attesters.creditOf(address(mallory)), MIN_STAKE);
        vm.assertEq(attesters.creditOf(BURN_ADDRESS), MIN_STAKE);
        vm.assertEq(hooked.balanceOf(address(attesters)), attesters.totalCredit());
    }

    /// In the middle of its own payment nobody is paid again, nor what it is slashed.
    function test_nobodyTakesAStakeTwice() public {
        _hooked();
        mallory.run(address(attesters), abi.encodeCall(attesters.deposit, (100 * ONE)));
        mallory.run(address(attesters), abi.encodeCall(attesters.leave, ()));
        vm.warp(block.timestamp + MIN_UNBONDING);
        bytes memory call = abi.encodeCall(attesters.withdrawStake, ());
        mallory.plan(address(attesters), call);
        mallory.plan(address(attesters), abi.encodeCall(attesters.leave, ()));
        mallory.plan(address(attesters), abi.encodeCall(attesters.withdraw, ()));
        vm.assertTrue(mallory.run(address(attesters), call));
        vm.assertEq(mallory.tried(), 3);
        vm.assertEq(mallory.succeeded(), 0);
        vm.assertEq(hooked.balanceOf(address(mallory)), 1_000 * ONE);
        vm.assertEq(hooked.balanceOf(address(attesters)), 2 * MIN_STAKE);
    }

    /// Stake that is on its way can begin to leave, and is there by the time it is paid out.
    function test_stakeThatIsNotPaidYetCannotBeDrawn() public {
        _hooked();
        mallory.plan(address(attesters), abi.encodeCall(attesters.leave, ()));
        mallory.plan(address(attesters), abi.encodeCall(attesters.withdrawStake, ()));
        vm.assertTrue(mallory.run(address(attesters), abi.encodeCall(attesters.deposit, (100 * ONE))));
        vm.assertEq(mallory.succeeded(), 1);
        vm.assertEq(hooked.balanceOf(address(attesters)), 2 * MIN_STAKE + 100 * ONE);
        vm.assertEq(attesters.attesterOf(address(mallory)).unbonding, 100 * ONE);
    }

    /// A fee on transfers: neither a stake nor a bond that is less than it says.
    function test_aTokenWithAFeeIsRefused() public {
        FeeToken fee = new FeeToken(address(this), 1e30, 100);
        _over(address(fee));
        fee.approve(address(attesters), type(uint256).max);
        fee.approve(address(tee), type(uint256).max);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPaymentErrors.InexactTransfer.selector, address(fee), MIN_STAKE, MIN_STAKE - MIN_STAKE / 100
            )
        );
        attesters.deposit(MIN_STAKE);
        bytes memory quote = _unsignedQuoteOf("data");
        Attestation memory a = _attestationOf("job", "data", quote);
        _commitTo(address(this), tee.attestationDigest(a));
        vm.expectRevert(
            abi.encodeWithSelector(IPaymentErrors.InexactTransfer.selector, address(fee), BOND, BOND - BOND / 100)
        );
        tee.falseChain(a, new bytes[](0), quote, SALT);
    }

    /// While transfers are paused, a contradiction convicts: it moves no tokens.
    function test_aPauseKeepsNoContradictionOut() public {
        IssuedToken issued = new IssuedToken(address(this), 1e30);
        _over(address(issued));
        issued.transfer(_attester(0), MIN_STAKE);
        vm.startPrank(_attester(0));
        issued.approve(address(attesters), MIN_STAKE);
        attesters.deposit(MIN_STAKE);
        vm.stopPrank();
        issued.pause(true);
        bytes memory quote = _quoteOf("data");
        Attestation memory a = _attestationOf("job", "a lie", quote);
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = _sign(keys[0], a);
        _contradict(a, signatures, quote);
        vm.assertEq(attesters.creditOf(REPORTER), MIN_STAKE / 2);
        issued.pause(false);
        vm.prank(REPORTER);
        attesters.withdraw();
        vm.assertEq(issued.balanceOf(REPORTER), MIN_STAKE / 2);
    }

    /// Nobody slashes whom it likes: only the verifier does, and it only who signed.
    function test_signaturesOfOthersConvictNobodyElse() public {
        bytes memory quote = _quoteOf("data");
        Attestation memory a = _attestationOf("job", "a lie", quote);
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = _sign(0x57, a);
        _contradict(a, signatures, quote);
        for (uint256 i = 0; i < 3; ++i) {
            vm.assertEq(_stakeAt(i), MIN_STAKE + i * ONE);
        }
        vm.assertEq(attesters.creditOf(REPORTER), 0);
    }
}
