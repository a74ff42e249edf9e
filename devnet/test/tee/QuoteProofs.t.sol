// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {QuoteProofs, QuotingEnclave, RootKey, Vendor} from "../../contracts/QuoteProofs.sol";
import {IQuoteProofsErrors as Errors} from "../../contracts/errors/IQuoteProofsErrors.sol";
import {Attestation, QuoteFault} from "../../contracts/interfaces/IQuoteProofs.sol";
import {MAX_QUOTE_BYTES} from "../../contracts/libraries/TeeLimits.sol";
import {QuoteBase} from "./QuoteBase.sol";
import {Shipped} from "../Shipped.sol";

/// What convicts, byte by byte, and what never does.
contract QuoteProofsTest is QuoteBase {
    // Where things stand in a quote of version 3 (Intel's description of it), auth data of 32 bytes.
    uint256 private constant SIGNATURE = 48 + 384 + 4;
    uint256 private constant KEY = SIGNATURE + 64;
    uint256 private constant QUOTING = KEY + 64;
    uint256 private constant AUTH = QUOTING + 384 + 64 + 2;
    uint256 private constant CHAIN = AUTH + 32 + 6;

    function setUp() public {
        _deployProofs();
    }

    // ---------------------------------------------------------------- what is true

    function test_theRealQuoteConvictsNobody() public view {
        (Attestation memory a, bytes memory quote) = _real();
        _needFault(proofs.contradictionOf(a, quote), QuoteFault.None);
        _needFault(proofs.brokenLinkOf(a, quote), QuoteFault.None);
    }

    function test_noFormOfASimulatedQuoteConvictsAnybody() public view {
        for (uint256 i = 0; i < HONEST; ++i) {
            (Attestation memory a, bytes memory quote) = _simulated(i);
            _needFault(proofs.contradictionOf(a, quote), QuoteFault.None);
            _needFault(proofs.brokenLinkOf(a, quote), QuoteFault.None);
        }
    }

    /// What stands behind a quote is not read: platforms pad what they hand out.
    function test_bytesBehindAQuoteAreNotRead() public view {
        (Attestation memory a, bytes memory quote) = _simulated(TDX);
        quote = bytes.concat(quote, new bytes(100));
        a = _of(a, quote);
        _needFault(proofs.contradictionOf(a, quote), QuoteFault.None);
        _needFault(proofs.brokenLinkOf(a, quote), QuoteFault.None);
    }

    /// Hardware signs with s of either half, and both are one signature.
    function test_anSOfTheUpperHalfIsTrue() public view {
        (Attestation memory a, bytes memory quote) = _simulated(SGX);
        uint256 n = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551;
        uint256[2] memory places = [SIGNATURE + 32, QUOTING + 384 + 32];
        for (uint256 i = 0; i < 2; ++i) {
            _put(quote, places[i], bytes32(n - uint256(_get(quote, places[i]))));
            _needFault(proofs.brokenLinkOf(_of(a, quote), quote), QuoteFault.None);
        }
    }

    // ---------------------------------------------------------------- what contradicts

    function test_eachFieldContradicts() public view {
        for (uint256 i = 0; i < HONEST; ++i) {
            (Attestation memory a, bytes memory quote) = _simulated(i);
            a.reportData = keccak256("another");
            _needFault(proofs.contradictionOf(a, quote), QuoteFault.ReportData);
            a.measurement = keccak256("another");
            _needFault(proofs.contradictionOf(a, quote), QuoteFault.Measurement);
            a.kind = 3 - a.kind;
            _needFault(proofs.contradictionOf(a, quote), QuoteFault.Kind);
        }
    }

    function test_aDebuggersQuoteContradicts() public view {
        for (uint256 i = HONEST; i < FOREIGN; ++i) {
            (Attestation memory a, bytes memory quote) = _simulated(i);
            _needFault(proofs.contradictionOf(a, quote), QuoteFault.Debug);
            // Its signatures are true all the same.
            _needFault(proofs.brokenLinkOf(a, quote), QuoteFault.None);
        }
    }

    /// The other 32 bytes of report data are zeros.
    function test_moreReportDataContradicts() public view {
        (Attestation memory a, bytes memory quote) = _simulated(SGX);
        quote[48 + 320 + 63] = 0x01;
        _needFault(proofs.contradictionOf(_of(a, quote), quote), QuoteFault.ReportData);
    }

    /// Every register that says what code runs is in the measurement, and no byte beside them.
    function test_eachRegisterIsMeasured() public view {
        (Attestation memory a, bytes memory quote) = _simulated(SGX);
        for (uint256 at = 48; at < 48 + 320; ++at) {
            uint256 i = at - 48;
            if (i == 48) continue; // where a debugger shows
            bool measured = (i >= 64 && i < 96) || (i >= 128 && i < 160);
            _needFaultAt(a, quote, at, measured ? QuoteFault.Measurement : QuoteFault.None);
        }
        (a, quote) = _simulated(TDX);
        for (uint256 at = 48; at < 48 + 520; ++at) {
            uint256 i = at - 48;
            if (i == 120) continue;
            bool measured = (i >= 136 && i < 184) || (i >= 328 && i < 520);
            _needFaultAt(a, quote, at, measured ? QuoteFault.Measurement : QuoteFault.None);
        }
    }

    function test_whatIsNoQuoteContradicts() public view {
        (Attestation memory a, bytes memory quote) = _simulated(SGX);
        bytes[5] memory wrong = [
            bytes(""),
            "a quote",
            new bytes(MAX_QUOTE_BYTES + 1),
            _changed(quote, 0, 0x02), // version
            _changed(quote, 2, 0x03) // a P-384 attestation key
        ];
        for (uint256 i = 0; i < wrong.length; ++i) {
            _needFault(proofs.contradictionOf(_of(a, wrong[i]), wrong[i]), QuoteFault.Form);
            _needFault(proofs.brokenLinkOf(_of(a, wrong[i]), wrong[i]), QuoteFault.Form);
        }
        bytes memory longest = bytes.concat(quote, new bytes(MAX_QUOTE_BYTES - quote.length));
        _needFault(proofs.contradictionOf(_of(a, longest), longest), QuoteFault.None);
    }

    /// Cut anywhere, in any form: never a revert, which would convict nobody.
    /// forge-config: default.fuzz.runs = 256
    /// forge-config: fuzz.fuzz.runs = 10000
    function testFuzz_aQuoteThatIsCutContradicts(uint256 size, uint8 which) public view {
        (Attestation memory a, bytes memory quote) = _simulated(which % HONEST);
        size = _within(size, 0, quote.length - 1);
        assembly ("memory-safe") {
            mstore(quote, size)
        }
        _needFault(proofs.contradictionOf(_of(a, quote), quote), QuoteFault.Form);
        _needFault(proofs.brokenLinkOf(_of(a, quote), quote), QuoteFault.Form);
    }

    /// Anything at all: an answer, never a revert.
    /// forge-config: default.fuzz.runs = 256
    /// forge-config: fuzz.fuzz.runs = 10000
    function testFuzz_bytesOfAnybodyHaveAnAnswer(uint8 which, uint256 seed) public view {
        (Attestation memory a, bytes memory quote) = _simulated(which % QUOTES);
        for (uint256 i = 0; i < 8; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            // The first in a length or type, the others anywhere.
            uint256 at = i == 0 ? 432 + (seed >> 8) % 700 : (seed >> 8) % quote.length;
            quote[at] = bytes1(uint8(seed));
        }
        a = _of(a, quote);
        proofs.contradictionOf(a, quote);
        proofs.brokenLinkOf(a, quote);
    }

    function test_onlyTheQuotesOwnBytesAreHeard() public {
        (Attestation memory a, bytes memory quote) = _simulated(SGX);
        quote[100] ^= 0x01;
        bytes memory reason = abi.encodeWithSelector(Errors.QuoteMismatch.selector, a.quoteDigest, sha256(quote));
        vm.expectRevert(reason);
        proofs.contradictionOf(a, quote);
        vm.expectRevert(reason);
        proofs.brokenLinkOf(a, quote);
    }

    function test_otherKindsAreNotRead() public {
        (Attestation memory a, bytes memory quote) = _simulated(SGX);
        uint8[4] memory kinds = [0, 3, 4, 255];
        for (uint256 i = 0; i < 4; ++i) {
            a.kind = kinds[i];
            bytes memory reason = abi.encodeWithSelector(Errors.KindUnread.selector, kinds[i]);
            vm.expectRevert(reason);
            proofs.brokenLinkOf(a, quote);
            if (kinds[i] != 0 && kinds[i] != 255) {
                _needFault(proofs.contradictionOf(a, quote), QuoteFault.Form);
                continue;
            }
            vm.expectRevert(reason);
            proofs.contradictionOf(a, quote);
        }
    }

    // ---------------------------------------------------------------- SNP and Nitro

    function test_othersFieldsContradict() public view {
        for (uint256 i = 0; i < OTHERS; ++i) {
            (Attestation memory a, bytes memory quote, QuoteFault fault) = _other(i);
            _needFault(proofs.contradictionOf(a, quote), fault);
            if (fault != QuoteFault.None) continue;
            a.reportData = keccak256("another");
            _needFault(proofs.contradictionOf(a, quote), QuoteFault.ReportData);
            a.measurement = keccak256("another");
            _needFault(proofs.contradictionOf(a, quote), QuoteFault.Measurement);
            // Evidence of one kind is of no other.
            for (uint8 kind = 1; kind <= 4; ++kind) {
                if (kind == a.kind) continue;
                (uint8 own, bytes32 measurement) = (a.kind, a.measurement);
                (a.kind, a.measurement) = (kind, measurement);
                _needFault(proofs.contradictionOf(a, quote), QuoteFault.Form);
                a.kind = own;
            }
        }
    }

    /// Of a report, every byte of the policy's third, of the level, of the measurement and of report data is read, and no other.
    function test_eachByteOfASnpReport() public view {
        (Attestation memory a, bytes memory report,) = _other(SNP);
        for (uint256 at = 4; at < report.length; ++at) {
            QuoteFault expected = QuoteFault.None;
            if (at == 0x0a || (at >= 0x30 && at < 0x34)) expected = QuoteFault.Debug;
            else if (at >= 0x90 && at < 0xc0) expected = QuoteFault.Measurement;
            else if (at >= 0x50 && at < 0x90) expected = QuoteFault.ReportData;
            _needFaultAt(a, report, at, expected);
        }
    }

    /// Cut anywhere, or with a byte behind: no document, no report, and never a revert.
    function test_othersThatAreCutContradict() public view {
        for (uint256 i = 0; i < OTHERS; ++i) {
            (Attestation memory a, bytes memory quote, QuoteFault fault) = _other(i);
            if (fault != QuoteFault.None) continue;
            bytes memory longer = bytes.concat(quote, hex"00");
            _needFault(proofs.contradictionOf(_of(a, longer), longer), QuoteFault.Form);
            for (uint256 size = 0; size < quote.length; size += 97) {
                bytes memory cut = _slice(quote, 0, size);
                _needFault(proofs.contradictionOf(_of(a, cut), cut), QuoteFault.Form);
            }
        }
    }

    /// Anything at all: an answer, never a revert.
    /// forge-config: default.fuzz.runs = 256
    /// forge-config: fuzz.fuzz.runs = 10000
    function testFuzz_othersOfAnybodyHaveAnAnswer(uint8 which, uint256 seed) public view {
        (Attestation memory a, bytes memory quote,) = _other(which % OTHERS);
        for (uint256 i = 0; i < 8; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            // The first where a document says what follows, the others anywhere.
            uint256 at = i == 0 ? (seed >> 8) % 200 : (seed >> 8) % quote.length;
            quote[at] = bytes1(uint8(seed));
        }
        proofs.contradictionOf(_of(a, quote), quote);
    }

    /// What a document says twice, or says without an end, or in another form than CBOR's, it does not say.
    function test_documentsThatSayNothing() public view {
        (Attestation memory a,,) = _other(NITRO);
        bytes memory pcr = bytes.concat(hex"5830", new bytes(48));
        bytes memory pcrs = bytes.concat(hex"a300", pcr, hex"01", pcr, hex"02", pcr);
        bytes[12] memory payloads = [
            bytes(""),
            hex"a0", // no registers
            bytes.concat(hex"a16470637273a200", pcr, hex"01", pcr), // two of three
            bytes.concat(hex"a16470637273a400", pcr, hex"00", pcr, hex"01", pcr, hex"02", pcr), // one twice
            bytes.concat(hex"a26470637273", pcrs, hex"6470637273", pcrs), // all twice
            bytes.concat(hex"a36470637273", pcrs, hex"69757365725f64617461f669757365725f6461746140"), // data twice
            bytes.concat(hex"a26470637273", pcrs, hex"69757365725f646174615841", new bytes(65)), // too much data
            bytes.concat(hex"a26470637273", pcrs, hex"6178818180"), // three lists deep
            bytes.concat(hex"a26470637273", pcrs, hex"6178c100"), // a tag
            bytes.concat(hex"a26470637273", pcrs, hex"61785f4100ff"), // a string in pieces
            bytes.concat(hex"bf6470637273", pcrs), // no end
            bytes.concat(hex"a16470637273", pcrs, hex"00") // bytes behind it
        ];
        for (uint256 i = 0; i < payloads.length; ++i) {
            _needPayload(a, payloads[i], QuoteFault.Form);
        }
        // The same parts in the right form are a debugger's, whose registers are zeros.
        _needPayload(a, bytes.concat(hex"a16470637273", pcrs), QuoteFault.Debug);
        _needPayload(a, bytes.concat(hex"bf6470637273", pcrs, hex"61788180ff"), QuoteFault.Debug);
    }

    // ---------------------------------------------------------------- what breaks the chain

    /// One bit in each region of the real quote, and in each a link breaks; which one is known.
    function test_aBitInEachRegionBreaksItsLink() public view {
        (Attestation memory a, bytes memory quote) = _real();
        _needBroken(a, quote, 20, QuoteFault.ReportSignature); // the header
        _needBroken(a, quote, 48, QuoteFault.ReportSignature); // the report
        _needBroken(a, quote, 48 + 383, QuoteFault.ReportSignature);
        _needBroken(a, quote, SIGNATURE, QuoteFault.ReportSignature);
        _needBroken(a, quote, SIGNATURE + 63, QuoteFault.ReportSignature);
        _needBroken(a, quote, KEY, QuoteFault.ReportSignature); // no point of the curve any more
        _needBroken(a, quote, AUTH, QuoteFault.KeyBinding);
        _needBroken(a, quote, AUTH + 31, QuoteFault.KeyBinding);
        _needBroken(a, quote, QUOTING + 320, QuoteFault.KeyBinding);
        _needBroken(a, quote, QUOTING, QuoteFault.QuotingSignature);
        _needBroken(a, quote, QUOTING + 383, QuoteFault.QuotingSignature);
        _needBroken(a, quote, QUOTING + 384, QuoteFault.QuotingSignature);
        _needBroken(a, quote, QUOTING + 447, QuoteFault.QuotingSignature);
    }

    /// A platform signs for any enclave that its owner lets it: another's quoting enclave, whose chain is true, vouches for nothing.
    /// Nor does another product of the vendor's, or one that a debugger opens.
    function test_onlyTheVendorsQuotingEnclaveVouches() public view {
        for (uint256 i = FOREIGN; i < OTHER_ROOT; ++i) {
            (Attestation memory a, bytes memory quote) = _simulated(i);
            _needFault(proofs.contradictionOf(a, quote), QuoteFault.None);
            _needFault(proofs.brokenLinkOf(a, quote), QuoteFault.QuotingEnclave);
        }
    }

    /// Whoever makes keys of its own can have any quoting enclave in its reports.
    function test_aQuotingEnclaveUnderAnotherRootIsFalse() public view {
        (Attestation memory a, bytes memory quote) = _simulated(OTHER_ROOT);
        _needFault(proofs.contradictionOf(a, quote), QuoteFault.None);
        _needFault(proofs.brokenLinkOf(a, quote), QuoteFault.AuthorityCertificate);
    }

    /// Each byte that names the quoting enclave, and no other of its report before what it binds to the key: the signature tells there.
    function test_eachByteOfTheQuotingEnclavesIdentityIsHeld() public view {
        (Attestation memory a, bytes memory quote) = _real();
        for (uint256 i = 0; i < 320; ++i) {
            bool named = (i >= 128 && i < 160) || i == 256 || i == 257;
            _needBroken(a, quote, QUOTING + i, named ? QuoteFault.QuotingEnclave : QuoteFault.QuotingSignature);
        }
        quote[QUOTING + 48] ^= 0x02; // ATTRIBUTES.DEBUG
        _needFault(proofs.brokenLinkOf(_of(a, quote), quote), QuoteFault.QuotingEnclave);
    }

    /// Each kind has its own: what signs for the one does not for the other.
    function test_theQuotingEnclaveIsTheKinds() public {
        (bytes32 sgx, uint16 first) = proofs.quotingEnclave(1, false);
        (bytes32 tdx, uint16 second) = proofs.quotingEnclave(2, false);
        vm.assertTrue(sgx != tdx && first == 1 && second == 2);
        Vendor memory swapped = _vendor(".vendor");
        (swapped.sgx, swapped.tdx) = (swapped.tdx, swapped.sgx);
        (Attestation memory a, bytes memory quote) = _real();
        _needFault(
            Shipped.quoteProofs(swapped, _vendor(".simulated")).brokenLinkOf(a, quote), QuoteFault.QuotingEnclave
        );
        swapped = _vendor(".simulated");
        swapped.tdx = QuotingEnclave(swapped.tdx.mrSigner, swapped.tdx.isvProdId + 1);
        QuoteProofs other = Shipped.quoteProofs(_vendor(".vendor"), swapped);
        (a, quote) = _simulated(TDX);
        _needFault(other.brokenLinkOf(a, quote), QuoteFault.QuotingEnclave);
        (a, quote) = _simulated(SGX);
        _needFault(other.brokenLinkOf(a, quote), QuoteFault.None);
        for (uint8 kind = 0; kind < 5; ++kind) {
            if (kind == 1 || kind == 2) continue;
            vm.expectRevert(abi.encodeWithSelector(Errors.KindUnread.selector, kind));
            proofs.quotingEnclave(kind, true);
        }
    }

    /// Every byte that is signed or signs, in steps: the chain is false, whichever link says it.
    /// forge-config: default.fuzz.runs = 256
    /// forge-config: fuzz.fuzz.runs = 10000
    function testFuzz_noBitOfWhatIsSignedCanChange(uint256 at, uint8 bit, uint8 which) public view {
        (Attestation memory a, bytes memory quote) = which % 4 == 0 ? _real() : _simulated(which % HONEST);
        // All but the root's certificate, which is not read; the certificates are told apart by their lines.
        uint256 end = _authorityEnd(quote);
        at = _within(at, 0, end - 1);
        quote[at] ^= bytes1(uint8(1) << (bit % 8));
        QuoteFault found = proofs.brokenLinkOf(_of(a, quote), quote);
        // A chain that is said to be shorter loses the root's certificate, which is not read: the same links are true.
        uint256 chain = _chainAt(quote);
        if (at < chain - 4 || at >= chain) vm.assertTrue(found != QuoteFault.None);
        else vm.assertTrue(found == QuoteFault.None || found == QuoteFault.Form);
    }

    /// Each character of both certificates, changed into another of the alphabet.
    function test_noCharacterOfTheCertificatesCanChange() public view {
        (Attestation memory a, bytes memory quote) = _real();
        uint256 end = _authorityEnd(quote);
        // A prime apart, so that lines and groups of four are met everywhere.
        for (uint256 at = CHAIN; at < end; at += 37) {
            bytes1 before = quote[at];
            quote[at] = before == "A" ? bytes1("B") : bytes1("A");
            QuoteFault found = proofs.brokenLinkOf(_of(a, quote), quote);
            vm.assertTrue(
                found == QuoteFault.Form || found == QuoteFault.QuotingSignature
                    || found == QuoteFault.PlatformCertificate || found == QuoteFault.AuthorityCertificate
            );
            quote[at] = before;
        }
    }

    /// Neither vendor's evidence passes for the other's.
    function test_theRootIsTheOneThatIsNamed() public {
        (Attestation memory a, bytes memory quote) = _real();
        a.simulated = true;
        _needFault(proofs.brokenLinkOf(a, quote), QuoteFault.QuotingEnclave);
        for (uint256 i = 0; i < HONEST; ++i) {
            (a, quote) = _simulated(i);
            a.simulated = false;
            _needFault(proofs.brokenLinkOf(a, quote), QuoteFault.QuotingEnclave);
        }
        // Even where both had the same quoting enclaves.
        Vendor memory same = _vendor(".simulated");
        (same.sgx, same.tdx) = (_vendor(".vendor").sgx, _vendor(".vendor").tdx);
        (a, quote) = _real();
        a.simulated = true;
        _needFault(
            Shipped.quoteProofs(_vendor(".vendor"), same).brokenLinkOf(a, quote), QuoteFault.AuthorityCertificate
        );
    }

    /// Where the simulated vendor is unknown, no simulated evidence is true.
    function test_withoutASimulatedRootNothingSimulatedIsTrue() public {
        Vendor memory nobody;
        QuoteProofs strict = Shipped.quoteProofs(_vendor(".vendor"), nobody);
        (Attestation memory a, bytes memory quote) = _simulated(SGX);
        _needFault(strict.brokenLinkOf(a, quote), QuoteFault.QuotingEnclave);
        (a, quote) = _real();
        _needFault(strict.brokenLinkOf(a, quote), QuoteFault.None);
    }

    /// A platform's certificate in the authority's place: signed by the wrong key.
    function test_aChainOfOthersCertificatesIsFalse() public view {
        (Attestation memory a, bytes memory quote) = _real();
        (Attestation memory b, bytes memory other) = _simulated(SGX);
        bytes memory mixed = bytes.concat(_slice(quote, 0, CHAIN), _slice(other, CHAIN, other.length));
        // Lengths of what follows: the simulated chain's.
        for (uint256 i = 0; i < 4; ++i) {
            mixed[CHAIN - 4 + i] = other[CHAIN - 4 + i];
            mixed[432 + i] = other[432 + i];
        }
        _needFault(proofs.brokenLinkOf(_of(a, mixed), mixed), QuoteFault.QuotingSignature);
        _needFault(proofs.brokenLinkOf(_of(b, mixed), mixed), QuoteFault.QuotingEnclave);
    }

    // ---------------------------------------------------------------- keys

    function test_rootsArePoints() public {
        Vendor memory vendor = _vendor(".vendor");
        Vendor memory wrong = _vendor(".vendor");
        Vendor memory nobody;
        wrong.root.y += 1;
        vm.expectRevert(abi.encodeWithSelector(Errors.RootKeyMalformed.selector, wrong.root.x, wrong.root.y));
        Shipped.quoteProofs(wrong, nobody);
        vm.expectRevert(abi.encodeWithSelector(Errors.RootKeyMalformed.selector, 0, 0));
        Shipped.quoteProofs(nobody, nobody);
        wrong.root = RootKey(0, 1);
        vm.expectRevert(abi.encodeWithSelector(Errors.RootKeyMalformed.selector, 0, 1));
        Shipped.quoteProofs(vendor, wrong);
    }

    function testFuzz_signaturesOfP256(uint256 key, bytes32 digest) public view {
        uint256 n = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551;
        key = _within(key, 1, n - 1);
        (uint256 x, uint256 y) = vm.publicKeyP256(key);
        (bytes32 r, bytes32 s) = vm.signP256(key, digest);
        vm.assertTrue(proofs.isKey(x, y));
        if (uint256(s) > n / 2) s = bytes32(n - uint256(s));
        vm.assertTrue(proofs.isSigned(digest, r, s, x, y));
        vm.assertFalse(proofs.isSigned(digest, r, bytes32(n - uint256(s)), x, y), "the upper half");
        vm.assertFalse(proofs.isSigned(~digest, r, s, x, y), "another digest");
        vm.assertFalse(proofs.isSigned(digest, s, r, x, y), "turned round");
    }

    // ---------------------------------------------------------------- steps

    function _needFaultAt(Attestation memory a, bytes memory quote, uint256 at, QuoteFault expected) private view {
        bytes1 before = quote[at];
        quote[at] = ~before;
        _needFault(proofs.contradictionOf(_of(a, quote), quote), expected);
        quote[at] = before;
    }

    function _needPayload(Attestation memory a, bytes memory payload, QuoteFault expected) private view {
        bytes memory size = abi.encodePacked(uint16(payload.length));
        bytes memory document = bytes.concat(hex"8444a1013822a059", size, payload, hex"40");
        _needFault(proofs.contradictionOf(_of(a, document), document), expected);
    }

    function _needBroken(Attestation memory a, bytes memory quote, uint256 at, QuoteFault expected) private view {
        bytes1 before = quote[at];
        quote[at] = before ^ 0x01;
        _needFault(proofs.brokenLinkOf(_of(a, quote), quote), expected);
        quote[at] = before;
    }

    /// @dev Where the first certificate begins, or what a changed character has left of it.
    function _chainAt(bytes memory quote) private pure returns (uint256 at) {
        bytes32 mark = keccak256("CERTIFICATE-----\nMII");
        for (at = 1_000; keccak256(_slice(quote, at + 11, at + 31)) != mark; ++at) {}
    }

    /// @dev Behind the second certificate.
    function _authorityEnd(bytes memory quote) private pure returns (uint256 at) {
        bytes32 mark = keccak256("-----END CERTIFICATE-----\n");
        uint256 seen = 0;
        for (at = 1_000; seen < 2; ++at) {
            if (quote[at] == "-" && quote[at + 5] == "E") {
                bytes memory line = _slice(quote, at, at + 26);
                if (keccak256(line) == mark) ++seen;
            }
        }
        at += 25;
    }

    function _changed(bytes memory quote, uint256 at, bytes1 value) private pure returns (bytes memory made) {
        made = bytes.concat(quote);
        made[at] = value;
    }

    function _slice(bytes memory data, uint256 from, uint256 to) private pure returns (bytes memory made) {
        made = new bytes(to - from);
        for (uint256 i = from; i < to; ++i) {
            made[i - from] = data[i];
        }
    }

    function _get(bytes memory data, uint256 at) private pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 0x20), at))
        }
    }

    function _put(bytes memory data, uint256 at, bytes32 value) private pure {
        assembly ("memory-safe") {
            mstore(add(add(data, 0x20), at), value)
        }
    }
}
