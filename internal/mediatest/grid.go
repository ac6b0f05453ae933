package mediatest

import "image"

// A frame is a grid of blocks, black or white: five by four that carry the
// frame number, 16 bits and a checksum of 4, and below them two rows that
// flash. Blocks are large, so the number survives scaling and a low bitrate.
const (
	gridColumns = 5
	counterRows = 4
	gridRows    = counterRows + 2
	counterBits = 16
	maxCounter  = 1 << counterBits
	black       = 16
	white       = 235
	// A block between these is too grey to be read.
	surelyBlack = 96
	surelyWhite = 160
)

// checksum differs for any two numbers that differ in one block, and is wrong
// for a picture all black or all white.
func checksum(counter int) int {
	return (counter ^ counter>>4 ^ counter>>8 ^ counter>>12 ^ 0b0101) & 0b1111
}

func appendGrid(raw []byte, counter int, flash bool) []byte {
	code := counter<<4 | checksum(counter)
	for i := gridColumns*counterRows - 1; i >= 0; i-- {
		raw = append(raw, shade(code>>i&1 == 1))
	}
	for range gridColumns * (gridRows - counterRows) {
		raw = append(raw, shade(flash))
	}
	return raw
}

func shade(on bool) byte {
	if on {
		return white
	}
	return black
}

// ReadPicture reads the frame number and the flash from a picture of MakeMovie
// at any size. counter is -1 when the picture shows no number for certain.
// Crop a letterboxed picture with SubImage first.
func ReadPicture(picture *image.Gray) (counter int, flash bool) {
	code, certain := 0, true
	for row := range counterRows {
		for column := range gridColumns {
			level := blockLevel(picture, column, column+1, row, row+1)
			certain = certain && (level <= surelyBlack || level >= surelyWhite)
			code = code<<1 | int(level>>7)
		}
	}
	flash = blockLevel(picture, 0, gridColumns, counterRows, gridRows) >= 128
	if counter = code >> 4; !certain || code&0b1111 != checksum(counter) {
		counter = -1
	}
	return counter, flash
}

// blockLevel is the mean of the inner half of a range of blocks.
func blockLevel(picture *image.Gray, left, right, top, bottom int) byte {
	b := picture.Bounds()
	x0, x1 := inner(b.Min.X, b.Dx(), left, right, gridColumns)
	y0, y1 := inner(b.Min.Y, b.Dy(), top, bottom, gridRows)
	sum, n := 0, 0
	for y := y0; y < y1; y++ {
		offset := picture.PixOffset(x0, y)
		for _, v := range picture.Pix[offset : offset+x1-x0] {
			sum += int(v)
			n++
		}
	}
	if n == 0 {
		return 128 // unreadable
	}
	return byte(sum / n)
}

func inner(origin, size, from, to, of int) (start, end int) {
	margin := (to - from) * size / of / 4
	return origin + from*size/of + margin, origin + to*size/of - margin
}
