// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {OrderState} from "../interfaces/ILicenceShop.sol";
import {COMPLAINT_WINDOW} from "./LicenceLimits.sol";

/// An order as it is stored, in two words: the rest is in what its id covers.
struct OrderRecord {
    uint40 orderedAt;
    uint40 deliverBy;
    uint40 deliveredAt; // 0: no key was delivered
    OrderState ending; // Settled, Refunded or Rejected when it has ended, else Unknown
    bytes32 sealedKey; // keccak256(abi.encode(SealedKey)) of what was delivered
}

/// @title A licence order's state from stored facts and the clock
/// @notice The one table stands in docs/licences.md; mlm/core/licensing.py and tests/vectors/licences.json hold the same.
/// Intervals are half-open: an end's own second lies outside.
library OrderStates {
    /// @param now_ Seconds since the epoch.
    function at(OrderRecord storage order, uint256 now_) internal view returns (OrderState) {
        if (order.orderedAt == 0) return OrderState.Unknown;
        if (order.ending != OrderState.Unknown) return order.ending;
        if (order.deliveredAt == 0) return now_ < order.deliverBy ? OrderState.Ordered : OrderState.Overdue;
        return now_ < uint256(order.deliveredAt) + COMPLAINT_WINDOW ? OrderState.Delivered : OrderState.Payable;
    }
}
