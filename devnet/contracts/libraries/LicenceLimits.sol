// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// Hard bounds of licences and their sale (LicenceToken, LicenceShop), which nothing moves. mlm/core/licensing.py repeats them.

// Seconds: how long a licence for a period lasts, and from when on one that was revoked no longer holds.
uint256 constant MIN_LICENCE_PERIOD = 1 minutes;
uint256 constant MAX_LICENCE_PERIOD = 3650 days;
uint256 constant MAX_LICENCE_NOTICE = 365 days;

// Seconds that a seller may take to deliver a key.
uint256 constant MIN_KEY_DELIVERY = 1 minutes;
uint256 constant MAX_KEY_DELIVERY = 7 days;

// How long a buyer can complain of the key that was delivered; it accepts a right one earlier, which pays the seller.
uint256 constant COMPLAINT_WINDOW = 1 days;

// A licence that does not expire says so in its id. Times are below it.
uint40 constant NEVER = type(uint40).max;

// Of an offer: as many as are asked for.
uint64 constant UNLIMITED_STOCK = type(uint64).max;
