// Command release makes what a version is published as: for each platform an archive and a bill of materials
// (CycloneDX), and the checksums of all of them, in dist/. The same commit and Go release give the same bytes,
// wherever and whenever it runs, so that anybody can check that an archive came from the source.
package main
