// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IAssetSale, ICreditSource} from "./interfaces/IAssetSale.sol";
import {Lot, Lots} from "./libraries/Lots.sol";

/// @title Owns one sale's lot, and can be paid as its owner
/// @notice A market credits the owner of an asset. An owner for each sale keeps apart what each lot earned, so that it can
/// be handed to its seller (docs/decisions/0016-what-an-asset-earns-while-for-sale.md). AssetSale makes a minimal proxy (ERC-1167) of this for each.
contract SaleEscrow is IERC1155Receiver {
    using Lots for Lot;
    using SafeERC20 for IERC20;

    /// @dev In the code, so the same for every proxy: whoever made the implementation.
    address private immutable _sale = msg.sender;

    error NotSale(address expected, address actual);
    /// Units were sent here by themselves.
    error NotMoving();

    modifier onlySale() {
        if (msg.sender != _sale) revert NotSale(_sale, msg.sender);
        _;
    }

    /// @notice Hands the lot over. ERC-721: without a callback to the recipient.
    function move(Lot calldata lot, address to) external onlySale {
        Lot memory moved = lot;
        moved.move(address(this), to);
    }

    /// @notice Draws what `sources` have credited to this account, and sends all of it to the sale contract.
    // The list is the sale contract's, as it was deployed with: it is short, and none of them is chosen by anybody else.
    // slither-disable-next-line calls-loop
    function draw(ICreditSource[] calldata sources, IERC20 token) external onlySale {
        for (uint256 i = 0; i < sources.length; ++i) {
            // The balance says what came.
            // slither-disable-next-line unused-return
            if (sources[i].creditOf(address(this)) != 0) sources[i].withdraw();
        }
        uint256 held = token.balanceOf(address(this));
        if (held != 0) token.safeTransfer(_sale, held);
    }

    /// @notice Units come while the sale contract moves a lot; others sent here would be lost, so they are refused.
    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external view returns (bytes4) {
        if (!IAssetSale(_sale).isMoving()) revert NotMoving();
        return this.onERC1155Received.selector;
    }

    function onERC1155BatchReceived(address, address, uint256[] calldata, uint256[] calldata, bytes calldata)
        external
        pure
        returns (bytes4)
    {
        revert NotMoving();
    }

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == type(IERC1155Receiver).interfaceId || id == type(IERC165).interfaceId;
    }
}
