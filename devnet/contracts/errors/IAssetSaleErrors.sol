// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SaleKind, SaleState} from "../interfaces/IAssetSale.sol";

/// Errors of AssetSale: each says which sale, what was expected and what was found.
interface IAssetSaleErrors {
    /// `name` is the field of the offer; seconds, basis points or base units.
    error OfferOutOfBounds(string name, uint256 actual, uint256 least, uint256 most);
    error SaleAlreadyOpened(bytes32 saleId);
    error SaleInState(bytes32 saleId, SaleState expected, SaleState actual);
    /// It takes bids still, or its lot has left the escrow.
    error SaleNotClosable(bytes32 saleId, SaleState actual);
    error SaleHasBid(bytes32 saleId, address bidder);
    error SaleAlreadyRefunded(bytes32 saleId);

    /// English sales take bids, the others a buyer.
    error SaleKindUnsuited(bytes32 saleId, SaleKind actual);
    error SellerCannotBid(bytes32 saleId, address seller);
    error BidTooLow(bytes32 saleId, uint256 least, uint256 actual);
    error PriceAboveLimit(bytes32 saleId, uint256 most, uint256 actual);

    error NotSeller(bytes32 saleId, address expected, address actual);
    /// Only whoever the lot belongs to may name another recipient.
    error NotEntitled(bytes32 saleId, address expected, address actual);
    error RecipientInvalid(bytes32 saleId, address to);
    /// The lot is not kept for the winner: it was received.
    error NothingKept(bytes32 saleId);

    /// Units; a token is one.
    error LotNotHeld(address collection, uint256 tokenId, address account, uint256 expected, uint256 actual);
    /// The collection took the transfer and moved nothing, or somewhere else: what `to` held afterwards.
    error LotNotMoved(address collection, uint256 tokenId, address to, uint256 expected, uint256 actual);
    /// Too little gas was given to ask the collection for its royalty or expiry: nobody may skip it by that.
    error AnswerOutOfGas(uint256 least, uint256 actual);

    error NothingEarned(bytes32 saleId);
    error NoCredit(address account);
}
