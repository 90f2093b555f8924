timeout 300 node_modules/.bin/node micro2.ts bare,cfInGate,gate ${1:-8}
