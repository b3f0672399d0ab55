/// A time zone as its compiled file describes it (RFC 9636): how far local time is ahead of UTC, and when.
package struct TimeZoneRules: Sendable {
    /// From when an offset is in force, in seconds since 1970-01-01T00:00:00Z, in ascending order.
    private let transitions: [(at: Int64, offset: Int)]
    /// Before the first of them.
    private let first: Int
    /// Behind the last of them.
    private let rest: YearlyRules?

    /// Reads the file of a zone; nil where it is none. Files of version 1, whose seconds have 32 bits, are not taken.
    package init?(file: [UInt8]) {
        var reader = ByteReader(bytes: file)
        guard let old = Header(&reader), old.version >= UInt8(ascii: "2"), reader.skip(old.size(ofTime: 4)),
            let header = Header(&reader)
        else { return nil }
        guard let times = reader.integers(header.times, bytes: 8), let kinds = reader.take(header.times),
            let offsets = Self.offsets(&reader, header.types), let first = offsets.first,
            kinds.allSatisfy({ Int($0) < offsets.count }),
            reader.skip(header.letters + header.leaps * 12 + header.standards + header.universals)
        else { return nil }
        self.first = first
        transitions = zip(times, kinds).map { ($0, offsets[Int($1)]) }
        guard let footer = reader.line() else { return nil }
        rest = YearlyRules(footer)
        if rest == nil, !footer.isEmpty { return nil }
    }

    /// Seconds that local time is ahead of UTC at a time in seconds.
    package func offset(at seconds: Int64) -> Int {
        guard let last = transitions.last else { return rest?.offset(at: seconds) ?? first }
        if seconds >= last.at { return rest?.offset(at: seconds) ?? last.offset }
        var (low, high) = (0, transitions.count)
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle].at <= seconds { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? first : transitions[low - 1].offset
    }

    /// The offset of each kind of local time: four bytes; whether it is summer time and its name follow.
    private static func offsets(_ reader: inout ByteReader, _ count: Int) -> [Int]? {
        var offsets: [Int] = []
        for _ in 0..<count {
            guard let offset = reader.integers(1, bytes: 4)?.first, reader.skip(2) else { return nil }
            offsets.append(Int(offset))
        }
        return offsets
    }
}

/// The counts at the head of a block (RFC 9636 section 3.1).
private struct Header {
    let version: UInt8
    let universals: Int, standards: Int, leaps: Int, times: Int, types: Int, letters: Int

    init?(_ reader: inout ByteReader) {
        guard let magic = reader.take(4), magic.elementsEqual("TZif".utf8), let version = reader.take(1)?.first,
            reader.skip(15), let counts = reader.integers(6, bytes: 4), counts.allSatisfy({ 0...65_536 ~= $0 })
        else { return nil }
        self.version = version
        (universals, standards, leaps) = (Int(counts[0]), Int(counts[1]), Int(counts[2]))
        (times, types, letters) = (Int(counts[3]), Int(counts[4]), Int(counts[5]))
    }

    /// Bytes of the block behind this header, whose times have so many bytes each.
    func size(ofTime bytes: Int) -> Int {
        times * (bytes + 1) + types * 6 + letters + leaps * (bytes + 4) + standards + universals
    }
}

/// Reads big-endian values one behind the other.
private struct ByteReader {
    let bytes: [UInt8]
    private var index = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard count <= bytes.count - index else { return nil }
        defer { index += count }
        return bytes[index..<(index + count)]
    }

    mutating func skip(_ count: Int) -> Bool { take(count) != nil }

    mutating func integers(_ count: Int, bytes width: Int) -> [Int64]? {
        guard let all = take(count * width) else { return nil }
        return (0..<count).map { place in
            let start = all.startIndex + place * width
            let value = all[start..<(start + width)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return width == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(truncatingIfNeeded: value)
        }
    }

    /// The text between two line feeds.
    mutating func line() -> String? {
        guard take(1)?.first == 0x0A, let end = bytes[index...].firstIndex(of: 0x0A) else { return nil }
        return String(decoding: bytes[index..<end], as: UTF8.self)
    }
}
