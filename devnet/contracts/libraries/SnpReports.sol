// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Facts, KIND_SNP} from "./Evidence.sol";

/// @title Attestation reports of AMD SEV-SNP, versions 2 to 5
/// @notice Source: SEV Secure Nested Paging Firmware ABI Specification, AMD document 56860, ATTESTATION_REPORT. Numbers are little-endian.
/// The signature is not read: it is of P-384.
library SnpReports {
    uint256 private constant SIZE = 1184;
    uint256 private constant LEAST_VERSION = 2;
    uint256 private constant LAST_VERSION = 5;
    uint256 private constant LEVELS = 4; // of software inside the guest (VMPL); its host asks as another
    // Bits of the third byte of a guest's policy: its bits 18 and 19.
    uint8 private constant MIGRATION_AGENT = 1 << 2;
    uint8 private constant DEBUG = 1 << 3;

    /// @notice What the report says; of no kind where it is none.
    function read(bytes calldata report) internal pure returns (Facts memory said) {
        if (report.length != SIZE) return said;
        uint256 version = _u32(report, 0);
        if (version < LEAST_VERSION || version > LAST_VERSION) return said;
        said.kind = KIND_SNP;
        said.open = uint8(report[0x0a]) & (MIGRATION_AGENT | DEBUG) != 0 || _u32(report, 0x30) >= LEVELS;
        said.registers = report[0x90:0xc0];
        said.data = report[0x50:0x90];
    }

    function _u32(bytes calldata report, uint256 at) private pure returns (uint256 number) {
        for (uint256 i = 4; i > 0; --i) {
            number = (number << 8) | uint8(report[at + i - 1]);
        }
    }
}
