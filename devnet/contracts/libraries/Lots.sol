// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

/// What one sale sells, whole: a token (ERC-721), or units of an id (ERC-1155).
struct Lot {
    address collection;
    uint256 tokenId;
    uint128 units; // 0: the collection is ERC-721
}

/// @title What an account holds of a lot, and how a lot moves: the only place that knows two standards
library Lots {
    /// @notice How many units make the lot: a token is one.
    function size(Lot memory lot) internal pure returns (uint256) {
        return lot.units == 0 ? 1 : lot.units;
    }

    function heldBy(Lot memory lot, address account) internal view returns (uint256) {
        if (lot.units != 0) return IERC1155(lot.collection).balanceOf(account, lot.tokenId);
        return IERC721(lot.collection).ownerOf(lot.tokenId) == account ? 1 : 0;
    }

    /// @notice A token moves without a callback to the recipient; units cannot: ERC-1155 asks a recipient that has code.
    function move(Lot memory lot, address from, address to) internal {
        // `from` is the caller of `open`, or an escrow that hands over what it holds.
        // slither-disable-next-line arbitrary-send-erc20
        if (lot.units == 0) IERC721(lot.collection).transferFrom(from, to, lot.tokenId);
        else IERC1155(lot.collection).safeTransferFrom(from, to, lot.tokenId, lot.units, "");
    }
}
