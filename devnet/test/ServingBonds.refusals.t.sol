// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IServingBondsErrors as Errors} from "../contracts/errors/IServingBondsErrors.sol";
import {Request, Terms} from "../contracts/interfaces/IJobMarket.sol";
import {ChannelTerms} from "../contracts/interfaces/IPaymentChannels.sol";
import {Statement} from "../contracts/interfaces/IServingBonds.sol";
import {AuctionKind, State, Tier, Verdict} from "../contracts/interfaces/Types.sol";
import {BondBase} from "./BondBase.sol";
import {Statements} from "./Statements.sol";

/// What is no accusation, no contradiction, and no proof: each refusal by name, with what was expected and found.
contract ServingBondsRefusalsTest is BondBase {
    using Statements for Statement;

    uint256 private constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function _refused(ChannelTerms memory terms, Statement memory s, bytes memory reason) private {
        (uint256[] memory typeWords, bytes[] memory inputs) = _inputs();
        vm.expectRevert(reason);
        vm.prank(CONSUMER);
        bonds.accuse(terms, s, typeWords, inputs);
    }

    /// @dev Signed as it is, by the payee, and refused as somebody else's.
    function _notThePayees(ChannelTerms memory terms, Statement memory s, bytes32 digest) private {
        (bytes memory signature, address signer) = (s.signature, payee);
        (uint8 v, bytes32 r, bytes32 t) = _split(signature);
        signer = ecrecover(s.digest(address(channels), block.chainid), v, r, t);
        vm.assertEq(ecrecover(digest, v, r, t), payee);
        vm.assertTrue(signer != payee);
        _refused(terms, s, abi.encodeWithSelector(Errors.SignerMismatch.selector, payee, signer));
    }

    function _split(bytes memory signature) private pure returns (uint8 v, bytes32 r, bytes32 s) {
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
            v := byte(0, mload(add(signature, 0x60)))
        }
    }

    function _signature(bytes32 digest) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(PAYEE_KEY, digest);
        return abi.encodePacked(r, s, v);
    }

    // ---------------------------------------------------------------- statements

    function test_aStatementOfAnotherChainOrContract() public {
        ChannelTerms memory terms = _channel(CONSUMER);
        Statement memory s = _says(terms, 1, FALSE);
        bytes32 digest = s.digest(address(channels), block.chainid + 1);
        s.signature = _signature(digest);
        _notThePayees(terms, s, digest);
        digest = s.digest(address(bonds), block.chainid);
        s.signature = _signature(digest);
        _notThePayees(terms, s, digest);
        // One that was true in its time and place, on a chain that splits off under another number.
        s = _says(terms, 1, FALSE);
        digest = s.digest(address(channels), block.chainid);
        vm.chainId(block.chainid + 1);
        _notThePayees(terms, s, digest);
    }

    /// Whatever is changed in it, the payee has not signed that.
    function test_aStatementThatWasChanged() public {
        ChannelTerms memory terms = _channel(CONSUMER);
        bytes32 digest = _says(terms, 1, FALSE).digest(address(channels), block.chainid);
        for (uint256 which = 0; which < 7; ++which) {
            Statement memory s = _says(terms, 1, FALSE);
            if (which == 0) s.call = 2;
            else if (which == 1) s.request = 0;
            else if (which == 2) s.inputCommitment = 0;
            else if (which == 3) s.outputCommitment = 0;
            else if (which == 4) s.servedAt += 1;
            else if (which == 5) s.exactInput = 0;
            else s.exactOutput = keccak256("another");
            _notThePayees(terms, s, digest);
        }
    }

    function test_signaturesInAnotherForm() public {
        ChannelTerms memory terms = _channel(CONSUMER);
        Statement memory s = _says(terms, 1, FALSE);
        (uint8 v, bytes32 r, bytes32 t) = _split(s.signature);
        bytes32 high = bytes32(CURVE_ORDER - uint256(t));
        s.signature = abi.encodePacked(r, high, v == 27 ? uint8(28) : uint8(27));
        _refused(terms, s, abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureS.selector, high));
        s.signature = abi.encodePacked(r, t, v, uint8(0));
        _refused(terms, s, abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureLength.selector, 66));
        s.signature = abi.encodePacked(r, t);
        _refused(terms, s, abi.encodeWithSelector(ECDSA.ECDSAInvalidSignatureLength.selector, 64));
        s.signature = abi.encodePacked(r, t, uint8(0));
        _refused(terms, s, abi.encodeWithSelector(ECDSA.ECDSAInvalidSignature.selector));
    }

    function test_aStatementOfAnotherChannel() public {
        ChannelTerms memory terms = _channel(CONSUMER);
        ChannelTerms memory others = _channel(BOB);
        Statement memory s = _says(others, 1, FALSE);
        (bytes32 own, bytes32 other) = (channels.idOf(terms), channels.idOf(others));
        _refused(terms, s, abi.encodeWithSelector(Errors.ChannelMismatch.selector, own, other));
        // With its own terms it is for its own payer.
        _refused(others, s, abi.encodeWithSelector(Errors.NotPayer.selector, other, BOB, CONSUMER));
        // Terms that name another payee are another channel's; of that the payee has signed nothing.
        (others,,) = channels.quote(CONSUMER, ALICE, CONSUMER, exactVersion, 7);
        other = channels.idOf(others);
        s = _says(terms, 1, FALSE);
        _refused(others, s, abi.encodeWithSelector(Errors.ChannelMismatch.selector, other, own));
        s = _says(others, 1, FALSE);
        _refused(others, s, abi.encodeWithSelector(Errors.SignerMismatch.selector, ALICE, payee));
    }

    function test_aStatementOfAnotherVersion() public {
        ChannelTerms memory terms = _channel(CONSUMER);
        Statement memory s = _says(terms, 1, FALSE);
        s.versionId = versionId;
        _refused(terms, _signed(s), abi.encodeWithSelector(Errors.VersionMismatch.selector, exactVersion, versionId));
    }

    function test_aPayeeWithoutABond() public {
        vm.startPrank(payee);
        bonds.requestWithdraw(exactVersion, HELD);
        vm.warp(bonds.bondOf(payee, exactVersion).releaseAt);
        bonds.withdrawBond(exactVersion);
        vm.stopPrank();
        ChannelTerms memory terms = _channel(CONSUMER);
        bytes memory missing = abi.encodeWithSelector(Errors.BondMissing.selector, payee, exactVersion);
        _refused(terms, _says(terms, 1, FALSE), missing);
        Statement memory first = _says(terms, 1, FALSE);
        Statement memory second = _says(terms, 1, _true());
        vm.expectRevert(missing);
        vm.prank(CONSUMER);
        bonds.contradict(terms, first, second);
    }

    function test_oneStatementIsAccusedOnceAtATime() public {
        ChannelTerms memory terms = _channel(CONSUMER);
        bytes32 id = _accused(1);
        // Signed later or sooner, it is the same answer to the same call.
        vm.warp(START + 5);
        Statement memory again = _says(terms, 1, FALSE);
        bytes memory stands = abi.encodeWithSelector(Errors.AccusationStands.selector, id, START + uint256(WINDOW));
        _refused(terms, again, stands);
        (bytes32 jobId, Terms memory jobTerms) = _judged(CONSUMER);
        _convict(id, jobId, jobTerms);
        // Nor once it has convicted, whatever bond there is then.
        vm.prank(payee);
        bonds.deposit(exactVersion, HELD);
        bytes memory spent = abi.encodeWithSelector(Errors.StatementSpent.selector, id);
        _refused(terms, again, spent);
        _needNoContradiction(terms, again, _says(terms, 2, _true()), spent);
        vm.expectRevert(abi.encodeWithSelector(Errors.AccusationNotOpen.selector, id));
        vm.prank(CONSUMER);
        bonds.convict(id, jobId, jobTerms);
    }

    // ---------------------------------------------------------------- inputs

    function _refusedInputs(uint256[] memory typeWords, bytes[] memory inputs, bytes memory reason) private {
        ChannelTerms memory terms = _channel(CONSUMER);
        Statement memory s = _says(terms, 1, FALSE);
        vm.expectRevert(reason);
        vm.prank(CONSUMER);
        bonds.accuse(terms, s, typeWords, inputs);
    }

    function _mismatch(uint256[] memory typeWords, bytes[] memory inputs) private view returns (bytes memory) {
        bytes32[] memory roots = new bytes32[](inputs.length);
        for (uint256 i = 0; i < inputs.length; ++i) {
            roots[i] = _tensorRoot(typeWords[i], inputs[i]);
        }
        bytes32 found = _inputCommitment(exactVersion, roots);
        return abi.encodeWithSelector(Errors.InputMismatch.selector, _exactInput(), found);
    }

    function test_inputsThatDoNotOpenTheStatement() public {
        (uint256[] memory typeWords, bytes[] memory inputs) = _inputs();
        inputs[0][17] ^= 0x01;
        _refusedInputs(typeWords, inputs, _mismatch(typeWords, inputs));
        // The same bytes as another tensor.
        (typeWords, inputs) = _inputs();
        typeWords[0] = 1 << 128 | 1 << 96 | 1 << 64 | 3 << 32 | 100;
        _refusedInputs(typeWords, inputs, _mismatch(typeWords, inputs));
        // None, and one more than there are.
        _refusedInputs(new uint256[](0), new bytes[](0), _mismatch(new uint256[](0), new bytes[](0)));
        (typeWords, inputs) = (new uint256[](2), new bytes[](2));
        (typeWords[0], inputs[0]) = (_typeOf(0), _tensor(1, 0));
        (typeWords[1], inputs[1]) = (_typeOf(4), _tensor(1, 4));
        _refusedInputs(typeWords, inputs, _mismatch(typeWords, inputs));
        (typeWords,) = _inputs();
        _refusedInputs(typeWords, inputs, abi.encodeWithSelector(Errors.InputCountMismatch.selector, 1, 2));
    }

    function test_inputsOfAnotherLength() public {
        (uint256[] memory typeWords, bytes[] memory inputs) = _inputs();
        typeWords[0] += 1;
        _refusedInputs(typeWords, inputs, abi.encodeWithSelector(Errors.InputLengthMismatch.selector, 0, 301, 300));
        inputs[0] = new bytes(122_881);
        _refusedInputs(typeWords, inputs, abi.encodeWithSelector(Errors.InputsTooLarge.selector, 122_881, 122_880));
    }

    // ---------------------------------------------------------------- contradictions

    function test_whatDoesNotContradict() public {
        ChannelTerms memory terms = _channel(CONSUMER);
        Statement memory first = _says(terms, 1, FALSE);
        // The same said again, of another call and at another time.
        Statement memory second = _says(terms, 2, FALSE);
        _needNoContradiction(terms, first, second, abi.encodeWithSelector(Errors.StatementsAgree.selector, FALSE));
        // Of another input it may be true.
        second = _says(terms, 2, _true());
        second.exactInput = keccak256("another input");
        _needNoContradiction(
            terms,
            first,
            _signed(second),
            abi.encodeWithSelector(Errors.InputMismatch.selector, first.exactInput, second.exactInput)
        );
        second = _says(terms, 2, _true());
        second.versionId = versionId;
        _needNoContradiction(
            terms,
            first,
            _signed(second),
            abi.encodeWithSelector(Errors.VersionMismatch.selector, exactVersion, versionId)
        );
        // Somebody else has said it.
        uint256 other = 0xBAD;
        second = Statements.sign(_says(terms, 2, _true()), other, address(channels));
        _needNoContradiction(
            terms, first, second, abi.encodeWithSelector(Errors.SignerMismatch.selector, payee, vm.addr(other))
        );
        // By nobody but the payer of the first.
        second = _says(terms, 2, _true());
        bytes32 channelId = channels.idOf(terms);
        vm.expectRevert(abi.encodeWithSelector(Errors.NotPayer.selector, channelId, CONSUMER, BOB));
        vm.prank(BOB);
        bonds.contradict(terms, first, second);
    }

    function _needNoContradiction(
        ChannelTerms memory terms,
        Statement memory first,
        Statement memory second,
        bytes memory reason
    ) private {
        vm.expectRevert(reason);
        vm.prank(CONSUMER);
        bonds.contradict(terms, first, second);
    }

    // ---------------------------------------------------------------- jobs

    function _proves(bytes32 id, bytes32 jobId, Terms memory terms, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(CONSUMER);
        bonds.convict(id, jobId, terms);
    }

    function test_jobsThatHaveNotEnded() public {
        bytes32 id = _accused(1);
        (bytes32 jobId, Terms memory terms) = _readyJob();
        _proves(id, jobId, terms, abi.encodeWithSelector(Errors.JobTooEarly.selector, jobId, START, 0));
        bytes memory evidence = _evidence(_honest());
        vm.prank(ALICE);
        market.submit(jobId, terms, evidence, RESULT);
        _proves(id, jobId, terms, _notAccepted(jobId, State.Submitted));
        // Somebody holds it up, and it is no proof while that lasts.
        _open(CAROL, jobId, _honest(), 1);
        vm.warp(START + JUDGING);
        _proves(id, jobId, terms, _notAccepted(jobId, State.Disputed));
    }

    function _notAccepted(bytes32 jobId, State state) private pure returns (bytes memory) {
        return abi.encodeWithSelector(Errors.JobNotAccepted.selector, jobId, state);
    }

    function test_jobsThatWereRejected() public {
        bytes32 id = _accused(1);
        (bytes32 jobId, Terms memory terms) = _lied();
        _prove(CAROL, jobId, 1, 0);
        vm.warp(START + JUDGING);
        _proves(id, jobId, terms, _notAccepted(jobId, State.Rejected));
    }

    function test_aJobThatCameToTheSame() public {
        ChannelTerms memory terms = _channel(CONSUMER);
        bytes32 id = _accuse(CONSUMER, _says(terms, 1, _true()));
        (bytes32 jobId, Terms memory jobTerms) = _judged(CONSUMER);
        _proves(id, jobId, jobTerms, abi.encodeWithSelector(Errors.OutputsAgree.selector, jobId, _true()));
    }

    /// Its window would have passed before anybody knew the input.
    function test_aJobFromBeforeTheAccusation() public {
        (bytes32 early, Terms memory earlyTerms) = _run(CONSUMER, _exactRequest(), _honest());
        vm.warp(START + 1);
        bytes32 id = _accused(1);
        (bytes32 jobId, Terms memory terms) = _judged(CONSUMER);
        _proves(id, early, earlyTerms, abi.encodeWithSelector(Errors.JobTooEarly.selector, early, START + 1, START));
        vm.assertEq(_convict(id, jobId, terms), LOCK);
    }

    function test_aWindowThatIsTooShort() public {
        bytes32 id = _accused(1);
        Request memory request = _exactRequest();
        request.verificationWindow = JUDGING - 1;
        (bytes32 jobId, Terms memory terms) = _run(CONSUMER, request, _honest());
        vm.warp(START + JUDGING);
        _proves(id, jobId, terms, abi.encodeWithSelector(Errors.WindowTooShort.selector, jobId, JUDGING, JUDGING - 1));
    }

    function test_aJobOfAnotherTierVersionOrInput() public {
        bytes32 id = _accused(1);
        // In the tier none anybody says anything.
        Request memory request = _request(AuctionKind.Fixed, Tier.None);
        (request.versionId, request.inputCommitment) = (exactVersion, _exactInput());
        (bytes32 jobId, Terms memory terms) = _accepted(request);
        _proves(
            id, jobId, terms, abi.encodeWithSelector(Errors.TierMismatch.selector, jobId, Tier.Optimistic, Tier.None)
        );
        request = _request(AuctionKind.Fixed, Tier.None);
        (jobId, terms) = _accepted(request);
        // Terms of another job do not make it one.
        (bytes32 other, Terms memory others) = _judged(CONSUMER);
        bytes32 expected = market.jobOf(jobId).termsHash;
        _proves(
            id,
            jobId,
            others,
            abi.encodeWithSelector(Errors.TermsMismatch.selector, jobId, expected, market.jobOf(other).termsHash)
        );
        // Nor those of no job at all.
        bytes32 none = keccak256("no job");
        _proves(
            id,
            none,
            others,
            abi.encodeWithSelector(Errors.TermsMismatch.selector, none, bytes32(0), market.jobOf(other).termsHash)
        );
        // An accusation about another input, which that job is not about.
        ChannelTerms memory channel = _channel(CONSUMER);
        Statement memory s = _says(channel, 2, FALSE);
        (uint256[] memory typeWords, bytes[] memory inputs) = _inputs();
        (typeWords[0], inputs[0]) = (_typeOf(4), _tensor(5, 4));
        bytes32[] memory roots = new bytes32[](1);
        roots[0] = _tensorRoot(typeWords[0], inputs[0]);
        s.exactInput = _inputCommitment(exactVersion, roots);
        s = _signed(s);
        vm.prank(CONSUMER);
        bytes32 second = bonds.accuse(channel, s, typeWords, inputs);
        (other, others) = _judged(CONSUMER);
        _proves(
            second, other, others, abi.encodeWithSelector(Errors.InputMismatch.selector, s.exactInput, _exactInput())
        );
    }

    /// @dev A job that the toy verifier has accepted with an output that is anything.
    function _accepted(Request memory request) private returns (bytes32 jobId, Terms memory terms) {
        (terms,) = market.quote(request);
        vm.prank(CONSUMER);
        jobId = market.post(request, 77);
        _bid(jobId, ALICE, MAX_PRICE);
        vm.startPrank(ALICE);
        market.accept(jobId);
        market.submit(jobId, terms, abi.encode(Verdict.Accepted, OUTPUT), RESULT);
        vm.stopPrank();
        _needState(jobId, State.Accepted);
    }
}
