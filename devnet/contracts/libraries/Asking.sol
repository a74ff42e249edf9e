// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IAssetSaleErrors} from "../errors/IAssetSaleErrors.sol";
import {IExpiring} from "../interfaces/IAssetSale.sol";

/// @title Questions to a collection that may lack the answer, revert, answer nonsense, or burn all gas that it is given
/// @notice Whoever fails to answer has said nothing: no royalty, no expiry.
library Asking {
    /// @dev What an answer may cost; OpenZeppelin's ERC-2981 needs about 5,000.
    uint256 private constant GAS = 100_000;

    /// @notice ERC-2981: who gets how much of `price`. (0, 0) of a collection that does not say.
    function royalty(address collection, uint256 tokenId, uint128 price)
        internal
        view
        returns (address receiver, uint256 amount)
    {
        (bool answered, uint256 first, uint256 second) =
            _ask(collection, abi.encodeCall(IERC2981.royaltyInfo, (tokenId, price)), 64);
        if (!answered || first > type(uint160).max) return (address(0), 0);
        // SAFETY: compared above.
        // forge-lint: disable-next-line(unsafe-typecast)
        return (address(uint160(first)), second);
    }

    /// @notice The second from which a token is worth nothing; the end of time of a collection that does not say.
    function expiry(address collection, uint256 tokenId) internal view returns (uint40) {
        (bool answered, uint256 at,) = _ask(collection, abi.encodeCall(IExpiring.expiryOf, (tokenId)), 32);
        // SAFETY: compared here.
        // forge-lint: disable-next-line(unsafe-typecast)
        return answered && at < type(uint40).max ? uint40(at) : type(uint40).max;
    }

    /// @dev At most two words of the answer are copied.
    function _ask(address collection, bytes memory data, uint256 least)
        private
        view
        returns (bool answered, uint256 first, uint256 second)
    {
        // SAFETY: 63/64 of what is left are passed on at most (EIP-150): whoever calls with less would skip the answer.
        uint256 available = gasleft() - gasleft() / 64;
        if (available < GAS) revert IAssetSaleErrors.AnswerOutOfGas(GAS, available);
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            // The scratch space holds the two words.
            answered := staticcall(GAS, collection, add(data, 0x20), mload(data), 0x00, 0x40)
            answered := and(answered, iszero(lt(returndatasize(), least)))
            first := mload(0x00)
            second := mload(0x20)
        }
    }
}
