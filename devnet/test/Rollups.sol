// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// What stands on rollups, as far as fees are concerned: tests put this code at the real ones' addresses (anvil_setCode).
/// Source: ethereum-optimism/optimism, GasPriceOracle.sol. The price of a byte is fixed here.
contract GasPriceOracle {
    uint256 private constant WEI_PER_BYTE = 1 gwei;

    function getL1Fee(bytes calldata unsigned) external pure returns (uint256) {
        require(unsigned[0] == 0x02, "no EIP-1559 transaction");
        return unsigned.length * WEI_PER_BYTE;
    }
}

/// Source: OffchainLabs/nitro-contracts, NodeInterface.sol. The real one is the node's own, and has no code.
contract NodeInterface {
    uint64 private constant GAS_PER_BYTE = 100;

    function gasEstimateL1Component(address, bool contractCreation, bytes calldata data)
        external
        view
        returns (uint64 gasEstimateForL1, uint256 baseFee, uint256 l1BaseFeeEstimate)
    {
        require(!contractCreation, "the tests create nothing directly");
        return (uint64(data.length) * GAS_PER_BYTE, block.basefee, 1 gwei);
    }
}
