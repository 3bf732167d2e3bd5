// Package kontortest starts the servers that Kontor runs on in production, a real
// PostgreSQL and a real Redis, for tests and for the benchmark. Nothing else may
// import it. A test package that uses the shared servers calls Main:
//
//	func TestMain(m *testing.M) { os.Exit(kontortest.Main(m)) }
package kontortest
