// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Cbor, Cursor} from "./Cbor.sol";
import {Facts, KIND_NITRO} from "./Evidence.sol";
import {MAX_QUOTE_BYTES} from "./TeeLimits.sol";

/// @title Attestation documents of AWS Nitro Enclaves
/// @notice Source: https://github.com/aws/aws-nitro-enclaves-nsm-api/blob/main/docs/attestation_process.md: COSE_Sign1 (RFC 9052) over a
/// CBOR map. Read are PCRs 0 to 2 and user_data; the signature is not: it is of P-384.
library NitroDocuments {
    bytes32 private constant ES384 = keccak256(hex"a1013822"); // the protected header {1: -35}
    bytes32 private constant PCRS = keccak256("pcrs");
    bytes32 private constant USER_DATA = keccak256("user_data");
    bytes1 private constant TAG = 0xd2; // COSE_Sign1, which may be left out
    uint256 private constant PARTS = 4; // protected and unprotected header, payload, signature
    uint256 private constant CODE = 3; // registers that say what code runs
    uint256 private constant PCR_BYTES = 48;
    uint256 private constant DATA_BYTES = 64;
    uint256 private constant DEEPEST = 2;

    /// @notice What the document says; of no kind where it is none, or says one thing twice.
    function read(bytes calldata document) internal pure returns (Facts memory said) {
        if (document.length > MAX_QUOTE_BYTES) return said;
        Cursor memory cursor = Cursor(0, false);
        bytes calldata payload = _payload(document, cursor);
        cursor.at = 0;
        (uint8 major, uint256 left) = Cbor.head(payload, cursor);
        if (major != Cbor.MAP) return said;
        for (; Cbor.more(payload, cursor, left); left = Cbor.less(left)) {
            bytes32 name = keccak256(Cbor.string_(payload, cursor, Cbor.TEXT));
            if (name == PCRS) _registers(payload, cursor, said);
            else if (name == USER_DATA) _data(payload, cursor, said);
            else Cbor.skip(payload, cursor, DEEPEST);
        }
        if (cursor.bad || cursor.at != payload.length || said.registers.length == 0) return said;
        if (said.data.length == 0) said.data = new bytes(DATA_BYTES);
        // In debug mode the registers are zeros.
        said.open = keccak256(_first(said.registers)) == keccak256(new bytes(PCR_BYTES));
        said.kind = KIND_NITRO;
    }

    /// @dev What is signed, of a whole document by ES384.
    function _payload(bytes calldata document, Cursor memory cursor) private pure returns (bytes calldata payload) {
        if (document.length != 0 && document[0] == TAG) ++cursor.at;
        (uint8 major, uint256 count) = Cbor.head(document, cursor);
        bytes calldata protected = Cbor.string_(document, cursor, Cbor.BYTES);
        (uint8 unprotected, uint256 entries) = Cbor.head(document, cursor);
        payload = Cbor.string_(document, cursor, Cbor.BYTES);
        // The signature is passed over.
        // slither-disable-next-line unused-return
        Cbor.string_(document, cursor, Cbor.BYTES);
        if (major != Cbor.LIST || count != PARTS || keccak256(protected) != ES384) cursor.bad = true;
        if (unprotected != Cbor.MAP || entries != 0 || cursor.at != document.length) cursor.bad = true;
    }

    /// @dev PCRs 0 to 2 into `said`, each there once; others are passed over.
    function _registers(bytes calldata payload, Cursor memory cursor, Facts memory said) private pure {
        bytes[CODE] memory found = [bytes(""), "", ""];
        (uint8 major, uint256 left) = Cbor.head(payload, cursor);
        if (major != Cbor.MAP || said.registers.length != 0) cursor.bad = true;
        for (; Cbor.more(payload, cursor, left); left = Cbor.less(left)) {
            (uint8 kind, uint256 index) = Cbor.head(payload, cursor);
            bytes calldata value = Cbor.string_(payload, cursor, Cbor.BYTES);
            if (kind != Cbor.UNSIGNED || value.length != PCR_BYTES) cursor.bad = true;
            if (cursor.bad || index >= CODE) continue;
            if (found[index].length != 0) cursor.bad = true;
            found[index] = value;
        }
        for (uint256 i = 0; i < CODE; ++i) {
            if (found[i].length == 0) cursor.bad = true;
        }
        said.registers = bytes.concat(found[0], found[1], found[2]);
    }

    /// @dev user_data into `said`, with zeros behind; it may be null.
    function _data(bytes calldata payload, Cursor memory cursor, Facts memory said) private pure {
        if (said.data.length != 0) cursor.bad = true;
        uint256 at = cursor.at;
        (uint8 major, uint256 value) = Cbor.head(payload, cursor);
        said.data = new bytes(DATA_BYTES);
        if (cursor.bad || (major == Cbor.SIMPLE && value == Cbor.NULL)) return;
        cursor.at = at;
        bytes calldata data = Cbor.string_(payload, cursor, Cbor.BYTES);
        if (data.length > DATA_BYTES) cursor.bad = true;
        else said.data = bytes.concat(data, new bytes(DATA_BYTES - data.length));
    }

    function _first(bytes memory registers) private pure returns (bytes memory first) {
        first = new bytes(PCR_BYTES);
        for (uint256 i = 0; i < PCR_BYTES; ++i) {
            first[i] = registers[i];
        }
    }
}
