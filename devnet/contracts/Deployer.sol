// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Deploys contracts at addresses that follow from the deploying account and a name, the same on every chain
/// @notice It stands at one address on every chain itself: its code and a zero salt, sent to the deterministic deployment proxy
/// 0x4e59b44847b379578588920cA78FbF26c0B4956C (https://github.com/Arachnid/deterministic-deployment-proxy).
/// A name is taken once by an account, and no account can take another's: the account is part of the salt.
/// @dev CREATE3: CREATE2 makes a cradle whose code never changes, and the cradle's first CREATE makes the contract. The
/// constructor's arguments therefore do not change its address, so contracts can know each other's before either stands.
contract Deployer {
    /// @dev The cradle's creation code. Its 26 bytes CREATE what they are called with; they return the address or the revert.
    /// `36 3d 3d 37` calldatacopy(0, 0, calldatasize) · `36 3d 3d f0` create(0, 0, calldatasize) ·
    /// `3d 5f 5f 3e` returndatacopy(0, 0, returndatasize) · `80 60 13 57` made: jump to 0x13 ·
    /// `3d 5f fd` revert(0, returndatasize) · `5b 5f 52 60 20 5f f3` return(0, 32) of the address
    bytes private constant CRADLE = hex"601a8060095f395ff3363d3d37363d3df03d5f5f3e806013573d5ffd5b5f5260205ff3";

    /// @return timestamp The second in which a contract was made here, 0 for any other address.
    mapping(address created => uint256 timestamp) public createdAt;

    /// @param initCodeHash keccak256 of the creation code with the constructor's arguments: what was deployed.
    event Deployed(address indexed account, address indexed created, bytes32 indexed initCodeHash, string name);

    error NameTaken(address account, string name, address created);
    error NotCreated(address expected, address actual);

    /// @notice Creates a contract for the calling account under a name. A constructor's revert is passed on.
    /// @param initCode Creation code followed by the constructor's arguments.
    function deploy(string calldata name, bytes calldata initCode) external returns (address created) {
        bytes32 salt = _salt(msg.sender, name);
        created = _created(salt);
        if (createdAt[created] != 0) revert NameTaken(msg.sender, name, created);
        createdAt[created] = block.timestamp;
        emit Deployed(msg.sender, created, keccak256(initCode), name);
        bytes memory cradleCode = CRADLE;
        address cradle;
        // slither-disable-next-line assembly
        assembly ("memory-safe") {
            cradle := create2(0, add(cradleCode, 0x20), mload(cradleCode), salt)
        }
        // slither-disable-next-line low-level-calls
        (bool made, bytes memory returned) = cradle.call(initCode);
        if (!made) {
            // slither-disable-next-line assembly
            assembly ("memory-safe") {
                revert(add(returned, 0x20), mload(returned))
            }
        }
        // INVARIANT: whatever has a time in `createdAt` stands.
        address actual = returned.length == 32 ? abi.decode(returned, (address)) : address(0);
        if (actual != created || created.code.length == 0) revert NotCreated(created, actual);
    }

    /// @notice Where the contract of an account and a name stands, or will stand.
    function addressOf(address account, string calldata name) external view returns (address) {
        return _created(_salt(account, name));
    }

    function _salt(address account, string calldata name) private pure returns (bytes32) {
        return keccak256(abi.encode(account, name));
    }

    /// @dev EIP-1014 for the cradle; the Yellow Paper's section 7 for its first contract (nonce 1, EIP-161).
    function _created(bytes32 salt) private view returns (address) {
        bytes32 cradle = keccak256(abi.encodePacked(hex"ff", address(this), salt, keccak256(CRADLE)));
        return
            address(
                uint160(uint256(keccak256(abi.encodePacked(hex"d694", address(uint160(uint256(cradle))), hex"01"))))
            );
    }
}
