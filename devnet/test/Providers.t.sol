// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IProvidersErrors} from "../contracts/errors/IProvidersErrors.sol";
import {Attestation, Attribute, IProviders, Requirements} from "../contracts/interfaces/IProviders.sol";
import {IReputation} from "../contracts/interfaces/IReputation.sol";
import {Providers} from "../contracts/Providers.sol";
import {ProvidersBase} from "./ProvidersBase.sol";
import {Shipped} from "./Shipped.sol";

/// An auditor that is a contract: it signs with whatever key its owner chose (ERC-1271).
contract WalletOfContract {
    address public signer;

    function choose(address signer_) external {
        signer = signer_;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        (bytes32 r, bytes32 s) = abi.decode(signature[:64], (bytes32, bytes32));
        return ecrecover(digest, uint8(signature[64]), r, s) == signer ? this.isValidSignature.selector : bytes4(0);
    }
}

contract ProvidersTest is ProvidersBase {
    uint256 private constant AUDITOR_KEY = 11;
    uint256 private constant OTHER_KEY = 12;
    address private constant PROVIDER = address(0xb1d);
    uint64 private constant START = 1_800_000_000;

    address private _auditor;

    function setUp() public {
        vm.warp(START);
        _deploy();
        _auditor = vm.addr(AUDITOR_KEY);
    }

    function _said() private view returns (Attestation memory a) {
        a.auditor = _auditor;
        a.provider = PROVIDER;
        a.attributes = _two(_number(MEMORY, 80), Attribute(MODEL, "h100"));
        a.issuedAt = START;
        a.expiresAt = START + 30 days;
    }

    function _wanted() private view returns (Requirements memory r) {
        r.clauses = _clause(MEMORY, uint128(80));
        r.auditors = new address[](1);
        r.auditors[0] = _auditor;
        r.threshold = 1;
    }

    function _expect(bytes4 selector, bytes memory arguments) private {
        vm.expectRevert(bytes.concat(selector, arguments));
    }

    // --- declare ---------------------------------------------------------------------------------------------------

    function test_declare() public {
        vm.expectEmit(address(providers));
        emit IProviders.ProviderDeclared(PROVIDER, MEMORY, bytes32(uint256(80)));
        vm.expectEmit(address(providers));
        emit IProviders.ProviderDeclared(PROVIDER, MODEL, "h100");
        vm.prank(PROVIDER);
        providers.declare(_two(_number(MEMORY, 80), Attribute(MODEL, "h100")), _none());
        vm.assertTrue(providers.isDeclared(PROVIDER, _number(MEMORY, 80)));
        vm.assertTrue(providers.isDeclared(PROVIDER, Attribute(MODEL, "h100")));
        vm.assertFalse(providers.isDeclared(PROVIDER, _number(MEMORY, 0)), "another number");
        vm.assertFalse(providers.isDeclared(PROVIDER, Attribute(MODEL, "a100")), "another symbol");
        vm.assertFalse(providers.isDeclared(address(this), _number(MEMORY, 80)), "somebody else");
    }

    function test_aNumberIsReplacedAndSymbolsAreKept() public {
        vm.startPrank(PROVIDER);
        providers.declare(_two(_number(MEMORY, 80), Attribute(MODEL, "h100")), _none());
        providers.declare(_two(_number(MEMORY, 40), Attribute(MODEL, "a100")), _none());
        vm.stopPrank();
        vm.assertFalse(providers.isDeclared(PROVIDER, _number(MEMORY, 80)), "replaced");
        vm.assertTrue(providers.isDeclared(PROVIDER, _number(MEMORY, 40)));
        vm.assertTrue(providers.isDeclared(PROVIDER, Attribute(MODEL, "h100")));
        vm.assertTrue(providers.isDeclared(PROVIDER, Attribute(MODEL, "a100")));
    }

    function test_removingGoesFirstAndTellsOnlyWhatChanges() public {
        vm.startPrank(PROVIDER);
        providers.declare(_two(_number(MEMORY, 80), Attribute(MODEL, "h100")), _none());
        vm.recordLogs();
        providers.declare(
            _two(_number(MEMORY, 80), Attribute(MODEL, "h100")), _two(_number(MEMORY, 40), Attribute(MODEL, "t4"))
        );
        vm.assertEq(vm.getRecordedLogs().length, 0);
        vm.expectEmit(address(providers));
        emit IProviders.AttributeRemoved(PROVIDER, MODEL, "h100");
        providers.declare(_none(), _two(_number(MEMORY, 40), Attribute(MODEL, "h100")));
        vm.assertTrue(providers.isDeclared(PROVIDER, _number(MEMORY, 80)), "another number is not removed");
        providers.declare(_none(), _one(_number(MEMORY, 80)));
        vm.stopPrank();
        vm.assertFalse(providers.isDeclared(PROVIDER, _number(MEMORY, 80)), "removed");
        vm.assertFalse(providers.isDeclared(PROVIDER, _number(MEMORY, 0)), "no number is not 0");
    }

    function test_malformedAttributesAreRefused() public {
        bytes32[4] memory names =
            [bytes32(0), "RAM", "deny", hex"6100620000000000000000000000000000000000000000000000000000000000"];
        for (uint256 i = 0; i < names.length; ++i) {
            _expect(IProvidersErrors.NameMalformed.selector, abi.encode(names[i]));
            providers.declare(_one(_number(names[i], 1)), _none());
        }
        bytes32[3] memory values = [bytes32(uint256(1) << 128), "H100", bytes32(type(uint256).max)];
        for (uint256 i = 0; i < values.length; ++i) {
            _expect(IProvidersErrors.ValueMalformed.selector, abi.encode(MEMORY, values[i]));
            providers.declare(_one(Attribute(MEMORY, values[i])), _none());
        }
        Attestation memory a = _said();
        a.attributes[1].value = "H100";
        bytes memory signature = _signature(AUDITOR_KEY, a);
        _expect(IProvidersErrors.ValueMalformed.selector, abi.encode(MODEL, bytes32("H100")));
        providers.attest(a, signature);
        _expect(IProvidersErrors.NameMalformed.selector, abi.encode(bytes32("deny")));
        providers.revoke(PROVIDER, _one(_number("deny", 1)));
    }

    // --- attest ----------------------------------------------------------------------------------------------------

    function test_anybodySubmitsWhatAnAuditorSigned() public {
        Attestation memory a = _said();
        bytes memory signature = _signature(AUDITOR_KEY, a);
        vm.expectEmit(address(providers));
        emit IProviders.AttributeAttested(_auditor, PROVIDER, MEMORY, bytes32(uint256(80)), START, START + 30 days);
        vm.expectEmit(address(providers));
        emit IProviders.AttributeAttested(_auditor, PROVIDER, MODEL, "h100", START, START + 30 days);
        vm.prank(address(0x57a));
        providers.attest(a, signature);
        (bytes32 value, uint64 issuedAt, uint64 expiresAt) = providers.attestationOf(_auditor, PROVIDER, MEMORY, 0);
        vm.assertEq(uint256(value), 80);
        vm.assertEq(uint256(issuedAt), START);
        vm.assertEq(uint256(expiresAt), START + 30 days);
        vm.assertFalse(providers.isDeclared(PROVIDER, _number(MEMORY, 80)), "attested is not declared");
    }

    function test_anAttestationHoldsUntilItExpires() public {
        bytes memory wanted = _published(_wanted());
        vm.assertFalse(providers.qualifies(PROVIDER, wanted), "nothing said");
        Attestation memory a = _said();
        providers.attest(a, _signature(AUDITOR_KEY, a));
        vm.warp(a.expiresAt - 1);
        vm.assertTrue(providers.qualifies(PROVIDER, wanted));
        vm.warp(a.expiresAt);
        vm.assertFalse(providers.qualifies(PROVIDER, wanted), "expired");
    }

    function test_everyPartOfItIsSigned() public {
        bytes memory signature = _signature(AUDITOR_KEY, _said());
        for (uint256 i = 0; i < 8; ++i) {
            Attestation memory a = _said();
            if (i == 0) a.auditor = vm.addr(OTHER_KEY);
            if (i == 1) a.provider = address(this);
            if (i == 2) a.attributes[0].value = bytes32(uint256(81));
            if (i == 3) a.attributes[0].name = "ram";
            if (i == 4) a.issuedAt -= 1;
            if (i == 5) a.expiresAt += 1;
            if (i == 6) a.attributes = _one(a.attributes[0]); // what the auditor said less favourably is left out
            if (i == 7) a.attributes = _two(a.attributes[1], a.attributes[0]);
            bytes32 digest = _digestFor(address(providers), block.chainid, a);
            _expect(IProvidersErrors.AttestationNotSigned.selector, abi.encode(a.auditor, digest));
            providers.attest(a, signature);
        }
        providers.attest(_said(), signature);
    }

    function test_aSignatureForAnotherContractOrChainIsNone() public {
        Attestation memory a = _said();
        bytes memory elsewhere = _signed(AUDITOR_KEY, _digestFor(address(this), block.chainid, a));
        bytes memory otherChain = _signed(AUDITOR_KEY, _digestFor(address(providers), block.chainid + 1, a));
        bytes32 digest = _digestFor(address(providers), block.chainid, a);
        _expect(IProvidersErrors.AttestationNotSigned.selector, abi.encode(_auditor, digest));
        providers.attest(a, elsewhere);
        _expect(IProvidersErrors.AttestationNotSigned.selector, abi.encode(_auditor, digest));
        providers.attest(a, otherChain);
    }

    function test_malformedSignaturesAreNone() public {
        Attestation memory a = _said();
        bytes memory good = _signature(AUDITOR_KEY, a);
        bytes32 digest = _digestFor(address(providers), block.chainid, a);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(AUDITOR_KEY, digest);
        uint256 order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        bytes[5] memory bad = [
            bytes(""),
            new bytes(65),
            bytes.concat(good, hex"00"),
            abi.encodePacked(r, s, v ^ 7), // the other point
            abi.encodePacked(r, bytes32(order - uint256(s)), v ^ 7) // the same signature spelt otherwise
        ];
        for (uint256 i = 0; i < bad.length; ++i) {
            _expect(IProvidersErrors.AttestationNotSigned.selector, abi.encode(_auditor, digest));
            providers.attest(a, bad[i]);
        }
        // Nobody is an auditor: a signature that recovers nothing is not the zero address's.
        a.auditor = address(0);
        digest = _digestFor(address(providers), block.chainid, a);
        _expect(IProvidersErrors.AttestationNotSigned.selector, abi.encode(address(0), digest));
        providers.attest(a, new bytes(65));
    }

    function test_expiredAndFutureAttestationsAreRefused() public {
        Attestation memory a = _said();
        bytes memory signature = _signature(AUDITOR_KEY, a);
        vm.warp(START - 1);
        _expect(IProvidersErrors.AttestationInFuture.selector, abi.encode(_auditor, START, START - 1));
        providers.attest(a, signature);
        vm.warp(a.expiresAt);
        _expect(IProvidersErrors.AttestationExpired.selector, abi.encode(_auditor, a.expiresAt, a.expiresAt));
        providers.attest(a, signature);
    }

    function test_theNewestWins() public {
        Attestation memory old = _said();
        bytes memory signature = _signature(AUDITOR_KEY, old);
        vm.warp(START + 10);
        _attest(AUDITOR_KEY, PROVIDER, _one(_number(MEMORY, 40)), 1 days);
        // The old one is in the provider's hands still, and says more.
        _expect(
            IProvidersErrors.AttestationNotNewer.selector, abi.encode(_auditor, PROVIDER, MEMORY, START + 10, START)
        );
        providers.attest(old, signature);
        (bytes32 value,,) = providers.attestationOf(_auditor, PROVIDER, MEMORY, 0);
        vm.assertEq(uint256(value), 40);
        (,, uint64 expiresAt) = providers.attestationOf(_auditor, PROVIDER, MODEL, "h100");
        vm.assertEq(uint256(expiresAt), 0); // all or nothing
    }

    function test_nothingIsAttestedTwice() public {
        Attestation memory a = _said();
        bytes memory signature = _signature(AUDITOR_KEY, a);
        providers.attest(a, signature);
        _expect(IProvidersErrors.AttestationNotNewer.selector, abi.encode(_auditor, PROVIDER, MEMORY, START, START));
        providers.attest(a, signature);
    }

    function test_revoking() public {
        Attestation memory a = _said();
        bytes memory signature = _signature(AUDITOR_KEY, a);
        providers.attest(a, signature);
        bytes memory wanted = _published(_wanted());
        vm.assertTrue(providers.qualifies(PROVIDER, wanted));
        vm.warp(START + 5);
        // Somebody else's revocation is of its own words.
        providers.revoke(PROVIDER, a.attributes);
        vm.assertTrue(providers.qualifies(PROVIDER, wanted));
        vm.expectEmit(address(providers));
        emit IProviders.AttestationRevoked(_auditor, PROVIDER, MEMORY, bytes32(uint256(1)), START + 5);
        vm.prank(_auditor);
        providers.revoke(PROVIDER, _one(_number(MEMORY, 1))); // whichever number
        vm.assertFalse(providers.qualifies(PROVIDER, wanted), "revoked");
        (,, uint64 expiresAt) = providers.attestationOf(_auditor, PROVIDER, MODEL, "h100");
        vm.assertTrue(expiresAt != 0); // only what was named
        _expect(IProvidersErrors.AttestationNotNewer.selector, abi.encode(_auditor, PROVIDER, MEMORY, START + 5, START));
        providers.attest(a, signature);
        vm.warp(START + 6);
        _attest(AUDITOR_KEY, PROVIDER, _one(_number(MEMORY, 80)), 1 days);
        vm.assertTrue(providers.qualifies(PROVIDER, wanted), "said again");
    }

    function test_aRevocationVoidsWhatNobodyHasSubmittedYet() public {
        Attestation memory a = _said();
        bytes memory signature = _signature(AUDITOR_KEY, a);
        vm.prank(_auditor);
        providers.revoke(PROVIDER, _one(_number(MEMORY, 0)));
        _expect(IProvidersErrors.AttestationNotNewer.selector, abi.encode(_auditor, PROVIDER, MEMORY, START, START));
        providers.attest(a, signature);
    }

    function test_aContractIsAnAuditor() public {
        WalletOfContract wallet = new WalletOfContract();
        wallet.choose(vm.addr(OTHER_KEY));
        Attestation memory a = _said();
        a.auditor = address(wallet);
        bytes memory wrong = _signature(AUDITOR_KEY, a);
        bytes32 digest = _digestFor(address(providers), block.chainid, a);
        _expect(IProvidersErrors.AttestationNotSigned.selector, abi.encode(address(wallet), digest));
        providers.attest(a, wrong);
        providers.attest(a, _signature(OTHER_KEY, a));
        (,, uint64 expiresAt) = providers.attestationOf(address(wallet), PROVIDER, MODEL, "h100");
        vm.assertEq(uint256(expiresAt), a.expiresAt);
    }

    function test_aContractThatSaysNothingOfSignaturesIsNoAuditor() public {
        Attestation memory a = _said();
        a.auditor = address(reputation);
        bytes memory signature = _signature(OTHER_KEY, a);
        bytes32 digest = _digestFor(address(providers), block.chainid, a);
        _expect(IProvidersErrors.AttestationNotSigned.selector, abi.encode(a.auditor, digest));
        providers.attest(a, signature);
    }

    // --- requirements ----------------------------------------------------------------------------------------------

    function test_requirementsArePublishedOnce() public {
        bytes memory data = abi.encode(_wanted());
        vm.expectEmit(address(providers));
        emit IProviders.RequirementsPublished(keccak256(data), data);
        vm.assertEq(providers.publishRequirements(data), keccak256(data));
        vm.assertEq(uint256(providers.publishedAt(keccak256(data))), START);
        vm.warp(START + 1);
        vm.recordLogs();
        providers.publishRequirements(data);
        vm.assertEq(vm.getRecordedLogs().length, 0);
        vm.assertEq(uint256(providers.publishedAt(keccak256(data))), START);
    }

    function test_nobodyQualifiesForWhatIsNotPublished() public {
        bytes memory data = abi.encode(_wanted());
        _expect(IProvidersErrors.RequirementsUnpublished.selector, abi.encode(keccak256(data)));
        providers.qualifies(PROVIDER, data);
        _expect(IProvidersErrors.RequirementsUnpublished.selector, abi.encode(keccak256(data)));
        providers.requireQualified(PROVIDER, data);
        _expect(IProvidersErrors.RequirementsUnpublished.selector, abi.encode(keccak256("")));
        providers.qualifies(PROVIDER, "");
    }

    function test_theErrorNamesTheClause() public {
        bytes memory wanted = _published(_wanted());
        _expect(
            IProvidersErrors.NotQualified.selector, abi.encode(PROVIDER, "gpu.memory", bytes32(uint256(1)), bytes32(0))
        );
        providers.requireQualified(PROVIDER, wanted);
    }

    function test_pointsAreReadFromReputationAndOnlyWhenAskedFor() public {
        Requirements memory r;
        r.reputation = 5;
        bytes memory wanted = _published(r);
        reputation.set(PROVIDER, 4);
        _expect(
            IProvidersErrors.NotQualified.selector,
            abi.encode(PROVIDER, "reputation", bytes32(uint256(5)), bytes32(uint256(4)))
        );
        providers.requireQualified(PROVIDER, wanted);
        reputation.set(PROVIDER, 5);
        providers.requireQualified(PROVIDER, wanted);
        vm.assertEq(uint256(providers.pointsOf(PROVIDER)), 5);
        // A contract of reputation that does not stand yet hinders nobody who asks for no points.
        Providers early = Shipped.providers(IReputation(address(0xdead)));
        Requirements memory nothing;
        early.publishRequirements(abi.encode(nothing));
        early.requireQualified(PROVIDER, abi.encode(nothing));
    }

    function test_aReputationIsNeeded() public {
        vm.expectRevert(abi.encodePacked(IProvidersErrors.ReputationMissing.selector));
        Shipped.providers(IReputation(address(0)));
    }

    /// However much of them is cut off or changed, bytes that were not published never count.
    function testFuzz_onlyThePublishedBytesCount(uint256 at, uint8 value) public {
        bytes memory data = _published(_wanted());
        at = _within(at, 0, data.length - 1);
        if (uint8(data[at]) == value) return;
        data[at] = bytes1(value);
        vm.expectRevert();
        providers.qualifies(PROVIDER, data);
    }
}
