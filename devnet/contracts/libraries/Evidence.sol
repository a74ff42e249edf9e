// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// Kinds of evidence, as attestations number them.
uint8 constant KIND_SGX = 1;
uint8 constant KIND_TDX = 2;
uint8 constant KIND_SNP = 3;
uint8 constant KIND_NITRO = 4;

/// What the bytes of evidence say, whoever signed them.
struct Facts {
    uint8 kind; // 0: of no form that is read
    bool open; // to a debugger, or to others than the code that was measured
    bytes registers; // those that say what code runs, one after the other
    bytes data; // the 64 bytes that the enclave chose
}
