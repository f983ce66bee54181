//go:build tools

// Package tidb pins the version of tidb-server that the local stack builds.
package tidb

import _ "github.com/pingcap/tidb/cmd/tidb-server"
