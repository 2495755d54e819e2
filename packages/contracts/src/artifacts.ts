/** Written by `node compile.ts`; not to be edited. */

export const compiler = '0.8.37+commit.f401782d.Emscripten.clang';

export const CheckpointAnchor = {
  abi: [
    {
      inputs: [
        {
          internalType: 'address',
          name: 'registrar_',
          type: 'address',
        },
      ],
      stateMutability: 'nonpayable',
      type: 'constructor',
    },
    {
      inputs: [],
      name: 'AnchorerZero',
      type: 'error',
    },
    {
      inputs: [],
      name: 'CheckpointEmpty',
      type: 'error',
    },
    {
      inputs: [
        {
          internalType: 'bytes32',
          name: 'originId',
          type: 'bytes32',
        },
        {
          internalType: 'address',
          name: 'caller',
          type: 'address',
        },
      ],
      name: 'NotAnchorer',
      type: 'error',
    },
    {
      inputs: [
        {
          internalType: 'address',
          name: 'caller',
          type: 'address',
        },
      ],
      name: 'NotRegistrar',
      type: 'error',
    },
    {
      inputs: [],
      name: 'OriginEmpty',
      type: 'error',
    },
    {
      inputs: [
        {
          internalType: 'uint64',
          name: 'size',
          type: 'uint64',
        },
        {
          internalType: 'bytes32',
          name: 'recorded',
          type: 'bytes32',
        },
        {
          internalType: 'bytes32',
          name: 'given',
          type: 'bytes32',
        },
      ],
      name: 'RootConflict',
      type: 'error',
    },
    {
      inputs: [
        {
          internalType: 'uint64',
          name: 'recorded',
          type: 'uint64',
        },
        {
          internalType: 'uint64',
          name: 'given',
          type: 'uint64',
        },
      ],
      name: 'SizeDecreased',
      type: 'error',
    },
    {
      anonymous: false,
      inputs: [
        {
          indexed: true,
          internalType: 'bytes32',
          name: 'originId',
          type: 'bytes32',
        },
        {
          indexed: true,
          internalType: 'uint64',
          name: 'size',
          type: 'uint64',
        },
        {
          indexed: false,
          internalType: 'bytes32',
          name: 'root',
          type: 'bytes32',
        },
      ],
      name: 'CheckpointAnchored',
      type: 'event',
    },
    {
      anonymous: false,
      inputs: [
        {
          indexed: true,
          internalType: 'bytes32',
          name: 'originId',
          type: 'bytes32',
        },
        {
          indexed: false,
          internalType: 'string',
          name: 'origin',
          type: 'string',
        },
        {
          indexed: true,
          internalType: 'address',
          name: 'anchorer',
          type: 'address',
        },
      ],
      name: 'OriginRegistered',
      type: 'event',
    },
    {
      inputs: [
        {
          internalType: 'bytes32',
          name: 'originId',
          type: 'bytes32',
        },
        {
          internalType: 'uint64',
          name: 'size',
          type: 'uint64',
        },
        {
          internalType: 'bytes32',
          name: 'root',
          type: 'bytes32',
        },
      ],
      name: 'anchor',
      outputs: [],
      stateMutability: 'nonpayable',
      type: 'function',
    },
    {
      inputs: [
        {
          internalType: 'bytes32',
          name: 'originId',
          type: 'bytes32',
        },
      ],
      name: 'anchorerOf',
      outputs: [
        {
          internalType: 'address',
          name: '',
          type: 'address',
        },
      ],
      stateMutability: 'view',
      type: 'function',
    },
    {
      inputs: [
        {
          internalType: 'bytes32',
          name: 'originId',
          type: 'bytes32',
        },
      ],
      name: 'head',
      outputs: [
        {
          internalType: 'bytes32',
          name: 'root',
          type: 'bytes32',
        },
        {
          internalType: 'uint64',
          name: 'size',
          type: 'uint64',
        },
        {
          internalType: 'uint64',
          name: 'anchoredAt',
          type: 'uint64',
        },
      ],
      stateMutability: 'view',
      type: 'function',
    },
    {
      inputs: [
        {
          internalType: 'string',
          name: 'origin',
          type: 'string',
        },
        {
          internalType: 'address',
          name: 'anchorer',
          type: 'address',
        },
      ],
      name: 'registerOrigin',
      outputs: [
        {
          internalType: 'bytes32',
          name: 'originId',
          type: 'bytes32',
        },
      ],
      stateMutability: 'nonpayable',
      type: 'function',
    },
    {
      inputs: [],
      name: 'registrar',
      outputs: [
        {
          internalType: 'address',
          name: '',
          type: 'address',
        },
      ],
      stateMutability: 'view',
      type: 'function',
    },
  ],
  bytecode:
    '0x60a0604052348015600e575f5ffd5b506040516106a83803806106a8833981016040819052602b91603b565b6001600160a01b03166080526066565b5f60208284031215604a575f5ffd5b81516001600160a01b0381168114605f575f5ffd5b9392505050565b6080516106246100845f395f8181606d015261039301526106245ff3fe608060405234801561000f575f5ffd5b5060043610610064575f3560e01c806370c127c61161004d57806370c127c6146100d457806395f3bdcf146100e9578063f339e3b21461010a575f5ffd5b80632b20e397146100685780633fa2c343146100ac575b5f5ffd5b61008f7f000000000000000000000000000000000000000000000000000000000000000081565b6040516001600160a01b0390911681526020015b60405180910390f35b61008f6100ba366004610505565b60016020525f90815260409020546001600160a01b031681565b6100e76100e236600461051c565b610172565b005b6100fc6100f736600461055d565b610387565b6040519081526020016100a3565b61014c610118366004610505565b5f9081526020819052604090208054600190910154909167ffffffffffffffff808316926801000000000000000090041690565b6040805193845267ffffffffffffffff92831660208501529116908201526060016100a3565b5f838152600160205260409020546001600160a01b031633146101cf576040517f0529a7e5000000000000000000000000000000000000000000000000000000008152600481018490523360248201526044015b60405180910390fd5b8167ffffffffffffffff165f03610212576040517feed9903000000000000000000000000000000000000000000000000000000000815260040160405180910390fd5b5f838152602081905260409020600181015467ffffffffffffffff908116908416811115610280576040517f5d3a0a2b00000000000000000000000000000000000000000000000000000000815267ffffffffffffffff8083166004830152851660248201526044016101c6565b8067ffffffffffffffff168467ffffffffffffffff16036102f957815483146102f25781546040517fa914f46b00000000000000000000000000000000000000000000000000000000815267ffffffffffffffff861660048201526024810191909152604481018490526064016101c6565b5050505050565b82825560018201805467ffffffffffffffff8681167fffffffffffffffffffffffffffffffff000000000000000000000000000000009092168217680100000000000000004292909216919091021790915560405184815286907f3583cdb91e784f2f9d3e4f21f733e36b507963e72ea63f4dad0930e3d31552649060200160405180910390a35050505050565b5f336001600160a01b037f000000000000000000000000000000000000000000000000000000000000000016146103ec576040517f53ac4f070000000000000000000000000000000000000000000000000000000081523360048201526024016101c6565b5f839003610426576040517f7dc7a5ef00000000000000000000000000000000000000000000000000000000815260040160405180910390fd5b6001600160a01b038216610466576040517f47d821bb00000000000000000000000000000000000000000000000000000000815260040160405180910390fd5b83836040516104769291906105e7565b604080519182900382205f81815260016020529190912080547fffffffffffffffffffffffff0000000000000000000000000000000000000000166001600160a01b0386169081179091559092509082907f9f3ea09bedb6667b9607895daab53ead34c259dc1dabbcfac110c6c5c7164dbd906104f690889088906105f6565b60405180910390a39392505050565b5f60208284031215610515575f5ffd5b5035919050565b5f5f5f6060848603121561052e575f5ffd5b83359250602084013567ffffffffffffffff8116811461054c575f5ffd5b929592945050506040919091013590565b5f5f5f6040848603121561056f575f5ffd5b833567ffffffffffffffff811115610585575f5ffd5b8401601f81018613610595575f5ffd5b803567ffffffffffffffff8111156105ab575f5ffd5b8660208284010111156105bc575f5ffd5b6020918201945092508401356001600160a01b03811681146105dc575f5ffd5b809150509250925092565b818382375f9101908152919050565b60208152816020820152818360408301375f818301604090810191909152601f909201601f1916010191905056',
  sourceSha256: '326b4f8f58117ea0a816b95eb70bc62e5fb229ffa45f41ada2ea3f16f1e931d7',
} as const;
