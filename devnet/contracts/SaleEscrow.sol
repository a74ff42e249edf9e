// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {ICreditSource} from "./interfaces/IAssetSale.sol";

/// @title Owns one sale's token, and can be paid as its owner
/// @notice A market credits the owner of an asset. An owner for each sale keeps apart what each token earned, so that it can
/// be handed to its seller (docs/decisions/0016-what-an-asset-earns-while-for-sale.md). AssetSale makes a minimal proxy (ERC-1167) of this for each.
contract SaleEscrow {
    using SafeERC20 for IERC20;

    /// @dev In the code, so the same for every proxy: whoever made the implementation.
    address private immutable _sale = msg.sender;

    error NotSale(address expected, address actual);

    modifier onlySale() {
        if (msg.sender != _sale) revert NotSale(_sale, msg.sender);
        _;
    }

    /// @notice Hands the token over, without a callback to the recipient.
    function move(IERC721 collection, uint256 tokenId, address to) external onlySale {
        collection.transferFrom(address(this), to, tokenId);
    }

    /// @notice Draws what `source` has credited to this account, and sends all of it to the sale contract.
    function draw(ICreditSource source, IERC20 token) external onlySale {
        // The balance says what came.
        // slither-disable-next-line unused-return
        if (source.creditOf(address(this)) != 0) source.withdraw();
        uint256 held = token.balanceOf(address(this));
        if (held != 0) token.safeTransfer(_sale, held);
    }
}
