// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

// Tokens as they are found on real chains. Everything of each belongs to `holder` at first.

/// @title USDT: returns nothing, and an allowance changes only from or to 0; no permits
contract SilentToken {
    string public name = "Silent Dollar";
    string public symbol;
    uint8 public immutable decimals;
    uint256 public immutable totalSupply;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    constructor(address holder, string memory symbol_, uint8 decimals_, uint256 supply) {
        symbol = symbol_;
        decimals = decimals_;
        totalSupply = supply;
        balanceOf[holder] = supply;
        emit Transfer(address(0), holder, supply);
    }

    function approve(address spender, uint256 value) external {
        require(value == 0 || allowance[msg.sender][spender] == 0, "change an allowance by way of 0");
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
    }

    function transfer(address to, uint256 value) external {
        _move(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external {
        allowance[from][msg.sender] -= value;
        _move(from, to, value);
    }

    function _move(address from, address to, uint256 value) private {
        balanceOf[from] -= value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}

/// @title USDC, WBTC: an ERC-20 with any number of decimals; permits of the EIP-712 domain version "1", offered by EIP-5267
contract PlainToken is ERC20, ERC20Permit {
    uint8 private immutable _decimals;

    constructor(address holder, string memory symbol_, uint8 decimals_, uint256 supply)
        ERC20(symbol_, symbol_)
        ERC20Permit(symbol_)
    {
        _decimals = decimals_;
        _mint(holder, supply);
    }

    function decimals() public view override returns (uint8) {
        return _decimals;
    }
}

/// @title USDC: permits of the domain version "2", and no EIP-5267
contract SecondVersionToken is ERC20 {
    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    mapping(address => uint256) public nonces;

    constructor(address holder, uint256 supply) ERC20("USD Coin", "USDC") {
        _mint(holder, supply);
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    // solhint-disable-next-line func-name-mixedcase
    function DOMAIN_SEPARATOR() public view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("USD Coin"),
                keccak256("2"),
                block.chainid,
                address(this)
            )
        );
    }

    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        require(block.timestamp <= deadline, "late");
        bytes32 message = keccak256(abi.encode(PERMIT, owner, spender, value, nonces[owner]++, deadline));
        address signer = ecrecover(keccak256(abi.encodePacked("\x19\x01", DOMAIN_SEPARATOR(), message)), v, r, s);
        require(signer == owner && owner != address(0), "not the owner's");
        _approve(owner, spender, value);
    }
}

/// @title DAI: has a domain and nonces, but permits of its own, that no EIP-2612 signature serves
contract OtherPermitToken is ERC20 {
    mapping(address => uint256) public nonces;

    constructor(address holder, uint256 supply) ERC20("Dai", "DAI") {
        _mint(holder, supply);
    }

    // solhint-disable-next-line func-name-mixedcase
    function DOMAIN_SEPARATOR() external view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Dai"),
                keccak256("1"),
                block.chainid,
                address(this)
            )
        );
    }

    function permit(address, address, uint256, uint256, bool, uint8, bytes32, bytes32) external pure {}
}

/// @title A token that keeps `bps` of every transfer, from the moment that somebody switches it on
contract FeeToken is ERC20("Fee", "FEE") {
    uint256 public bps;

    constructor(address holder, uint256 supply, uint256 bps_) {
        bps = bps_;
        _mint(holder, supply);
    }

    function setFee(uint256 bps_) external {
        bps = bps_;
    }

    function _update(address from, address to, uint256 amount) internal override {
        uint256 fee = from == address(0) ? 0 : (amount * bps) / 10_000;
        super._update(from, to, amount - fee);
        if (fee != 0) super._update(from, address(0xFEE), fee);
    }
}

/// @title stETH, AMPL: balances are shares of a pool, which somebody else, or time, makes larger or smaller
contract RebasingToken {
    string public constant name = "Rebasing";
    string public constant symbol = "REB";
    uint8 public constant decimals = 18;

    uint256 public pool;
    uint256 public shares;
    uint256 private immutable _perDay;
    uint256 private immutable _since;
    mapping(address => uint256) private _sharesOf;
    mapping(address => mapping(address => uint256)) public allowance;

    event Transfer(address indexed from, address indexed to, uint256 value);

    /// @param perDay Units that the pool grows by every day by itself.
    constructor(address holder, uint256 supply, uint256 perDay) {
        pool = supply;
        shares = supply;
        _perDay = perDay;
        _since = block.timestamp;
        _sharesOf[holder] = supply;
        emit Transfer(address(0), holder, supply);
    }

    function rebase(uint256 pool_) external {
        pool = pool_;
    }

    function balanceOf(address account) public view returns (uint256) {
        return (_sharesOf[account] * (pool + ((block.timestamp - _since) / 1 days) * _perDay)) / shares;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        return true;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        _move(msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        allowance[from][msg.sender] -= value;
        _move(from, to, value);
        return true;
    }

    /// @dev Rounds down twice, as stETH does: what arrives may be a unit less.
    function _move(address from, address to, uint256 value) private {
        uint256 moved = (value * shares) / (pool + ((block.timestamp - _since) / 1 days) * _perDay);
        _sharesOf[from] -= moved;
        _sharesOf[to] += moved;
        emit Transfer(from, to, value);
    }
}

/// @title A token whose transfers fail by returning false (old BAT, ZRX): for lack of money, or always
contract FalseToken {
    string public constant name = "False";
    string public constant symbol = "NO";
    uint8 public constant decimals = 18;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    event Transfer(address indexed from, address indexed to, uint256 value);

    constructor(address holder, uint256 supply) {
        balanceOf[holder] = supply;
        emit Transfer(address(0), holder, supply);
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        return true;
    }

    function transfer(address, uint256) external pure returns (bool) {
        return false;
    }

    function transferFrom(address, address, uint256) external pure returns (bool) {
        return false;
    }
}

/// @title USDC, USDT: an issuer pauses all transfers, or refuses those of an account
contract IssuedToken is ERC20("Issued", "ISS") {
    error Refused();

    bool private _paused;
    mapping(address => bool) private _refused;

    constructor(address holder, uint256 supply) {
        _mint(holder, supply);
    }

    function pause(bool paused) external {
        _paused = paused;
    }

    function refuse(address account, bool refused) external {
        _refused[account] = refused;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (_paused || _refused[from] || _refused[to]) revert Refused();
        super._update(from, to, value);
    }
}
