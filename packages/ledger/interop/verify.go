// Verify reads a C2SP tlog-tiles log over HTTP with the Go team's packages for checksum databases, and proves
// that it extends an older checkpoint and holds the entries asked for.
//
//	verify URL VKEY OLD-CHECKPOINT-FILE INDEX...
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type server struct{ url string }

func main() {
	log.SetFlags(0)
	s := server{os.Args[1]}
	verifier, err := note.NewVerifier(os.Args[2])
	check(err)
	signed, err := os.ReadFile(os.Args[3])
	check(err)
	old := open(signed, verifier)
	signed, err = s.get("checkpoint")
	check(err)
	tree := open(signed, verifier)
	// The reader checks each tile against the root before it gives a hash of it.
	hashes := tlog.TileHashReader(tree, s)
	extension, err := tlog.ProveTree(tree.N, old.N, hashes)
	check(err)
	check(tlog.CheckTree(extension, tree.N, tree.Hash, old.N, old.Hash))
	fmt.Println(old.N, "to", tree.N)
	for _, arg := range os.Args[4:] {
		index, err := strconv.ParseInt(arg, 10, 64)
		check(err)
		entry := s.entry(index, tree.N)
		proof, err := tlog.ProveRecord(tree.N, index, hashes)
		check(err)
		check(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
		fmt.Printf("%d %s\n", index, entry)
	}
}

// open verifies a checkpoint: three lines, of which the first is the name of its key.
func open(signed []byte, verifier note.Verifier) (tree tlog.Tree) {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		log.Fatalf("expected a checkpoint of %s, got %q", verifier.Name(), opened.Text)
	}
	tree.N, err = strconv.ParseInt(lines[1], 10, 64)
	check(err)
	tree.Hash, err = tlog.ParseHash(lines[2])
	check(err)
	return tree
}

// entry reads one entry of the bundle that holds it, each entry behind its length in 16 bits.
func (s server) entry(index, size int64) []byte {
	tile := tlog.Tile{H: 8, L: -1, N: index / 256, W: 256}
	if last := size / 256; tile.N == last {
		tile.W = int(size % 256)
	}
	bundle, err := s.get(path(tile))
	check(err)
	for skip := index % 256; skip > 0; skip-- {
		bundle = bundle[2+binary.BigEndian.Uint16(bundle):]
	}
	return bundle[2 : 2+binary.BigEndian.Uint16(bundle)]
}

// path drops the tile height, and calls the data of entries by its name in tlog-tiles.
func path(tile tlog.Tile) string {
	return strings.NewReplacer("tile/8/data/", "tile/entries/", "tile/8/", "tile/").Replace(tile.Path())
}

func (s server) get(path string) ([]byte, error) {
	response, err := http.Get(s.url + "/" + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	return io.ReadAll(response.Body)
}

// Height, ReadTiles and SaveTiles make a server a tlog.TileReader.
func (s server) Height() int { return 8 }

func (s server) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		var err error
		if data[i], err = s.get(path(tile)); err != nil {
			return nil, err
		}
	}
	return data, nil
}

func (s server) SaveTiles([]tlog.Tile, [][]byte) {}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
