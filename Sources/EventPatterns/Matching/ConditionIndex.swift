/// Finds, among conditions at many paths, those that a value may satisfy, without a look at the others.
///
/// Each condition gets a key; conditions of one key share a bucket, a run of owners. Buckets stand in the order of
/// their hashes, and a directory of the hashes' first bits says where to look, in runs that are short by construction.
/// It never changes, so threads share it.
struct ConditionIndex: Sendable {
    struct Entry {
        let path: Int32
        let condition: Condition
        /// Whose condition it is: what a look-up is to find.
        let owner: Int32
    }

    /// What to look for among the values of one path.
    private struct Plan: Sendable {
        var shapes: UInt8 = 0
        /// These are runs of `lengths` and `ranges`.
        var prefixes = Slice()
        var suffixes = Slice()
        var ranges = Slice()

        func has(_ shape: ConditionKey.Shape) -> Bool { shapes & 1 << shape.rawValue != 0 }
    }

    private struct Slice: Sendable {
        var start: Int32 = 0
        var end: Int32 = 0

        var indices: Range<Int> { Int(start)..<Int(end) }
    }

    private struct Interval: Sendable, Hashable {
        let range: NumericRange
        let bucket: Int32
    }

    private static let longestRun = 4
    private static let mostBits = 20

    private var plans: [Plan]
    private var lengths: [Int32] = []
    private var intervals: [Interval] = []
    /// Where the buckets of each directory cell start.
    private var cells: [Int32] = [0, 0]
    private var shift: UInt64 = 63
    private var hashes: [UInt64] = []
    /// Where the owners of each bucket start.
    private var starts: [Int32] = []
    private var owners: [Int32] = []

    init(_ entries: [Entry], pathCount: Int) {
        plans = [Plan](repeating: Plan(), count: pathCount)
        let keyed = entries.map { entry in
            let key = ConditionKey(entry.condition)
            return (hash: key.hash(at: entry.path), key: key, entry: entry)
        }
        for (_, key, entry) in keyed { plans[Int(entry.path)].shapes |= 1 << key.shape.rawValue }
        fillBuckets(keyed.map { ($0.hash, $0.entry.owner) })
        fillDirectory()
        fillPlans(keyed.map { ($0.key, $0.entry) })
    }

    var bucketCount: Int { hashes.count }

    /// Those whose conditions share a bucket.
    func owners(of bucket: Int32) -> ArraySlice<Int32> {
        owners[Int(starts[Int(bucket)])..<Int(starts[Int(bucket) + 1])]
    }

    // MARK: - Making

    private mutating func fillBuckets(_ owned: [(hash: UInt64, owner: Int32)]) {
        for (hash, owner) in owned.sorted(by: { $0 < $1 }) {
            if hashes.last != hash {
                hashes.append(hash)
                starts.append(Int32(owners.count))
            } else if owners.last == owner {
                continue
            }
            owners.append(owner)
        }
        starts.append(Int32(owners.count))
    }

    /// Doubles the directory until no cell holds more than a few buckets, or it would be larger than it is worth.
    private mutating func fillDirectory() {
        var bits = 1
        while bits < ConditionIndex.mostBits, 1 << bits < 2 * hashes.count { bits += 1 }
        repeat {
            shift = UInt64(64 - bits)
            cells = [Int32](repeating: 0, count: 1 << bits + 1)
            for hash in hashes { cells[Int(hash >> shift) + 1] += 1 }
            let longest = cells.max() ?? 0
            for index in cells.indices.dropFirst() { cells[index] += cells[index - 1] }
            if longest <= ConditionIndex.longestRun { break }
            bits += 1
        } while bits <= ConditionIndex.mostBits
    }

    private mutating func fillPlans(_ keyed: [(key: ConditionKey, entry: Entry)]) {
        let ordered = keyed.sorted { ($0.entry.path, $0.key.length) < ($1.entry.path, $1.key.length) }
        for (key, entry) in ordered where key.shape == .prefix { add(key.length, \.prefixes, entry.path) }
        for (key, entry) in ordered where key.shape == .suffix { add(key.length, \.suffixes, entry.path) }
        var seen: Set<Interval> = []
        for (key, entry) in ordered where key.shape == .range {
            guard case .numeric(let range) = entry.condition, let bucket = bucket(key.hash(at: entry.path)) else {
                continue
            }
            let interval = Interval(range: range, bucket: bucket)
            guard seen.insert(interval).inserted else { continue }
            if plans[Int(entry.path)].ranges.end == 0 { plans[Int(entry.path)].ranges.start = Int32(intervals.count) }
            intervals.append(interval)
            plans[Int(entry.path)].ranges.end = Int32(intervals.count)
        }
    }

    private mutating func add(_ length: Int, _ slice: WritableKeyPath<Plan, Slice>, _ path: Int32) {
        var known = plans[Int(path)][keyPath: slice]
        if known.end == 0 { known.start = Int32(lengths.count) } else if lengths.last == Int32(length) { return }
        lengths.append(Int32(length))
        known.end = Int32(lengths.count)
        plans[Int(path)][keyPath: slice] = known
    }

    // MARK: - Finding

    /// How many ranges a number at a path is held against.
    func rangeCount(at path: Int32) -> Int { plans[Int(path)].ranges.indices.count }

    /// Adds the buckets of conditions that a value may satisfy; one may come twice.
    func find(_ scalar: FlatEvent.Scalar, _ text: Span<UInt8>, at path: Int32, into found: inout [Int32]) {
        let plan = plans[Int(path)]
        guard plan.shapes != 0 else { return }
        if plan.has(.present) { add(.present, 0, path, &found) }
        guard scalar == .string else {
            if plan.has(.plain) { add(.plain, ConditionKey.content(of: scalar, text), path, &found) }
            if case .number(let value) = scalar { findRanges(value, plan, &found) }
            return
        }
        if plan.has(.text) || plan.has(.prefix) { findText(text, plan, path, &found) }
        if plan.has(.suffix) { findSuffixes(text, plan, path, &found) }
        if plan.has(.foldedText) { add(.foldedText, CaseFolding.hash(text), path, &found) }
    }

    private func findText(_ text: Span<UInt8>, _ plan: Plan, _ path: Int32, _ found: inout [Int32]) {
        var hash = TextHash()
        var position = 0
        for index in plan.prefixes.indices {
            let length = Int(lengths[index])
            guard length <= text.count else { break }
            while position < length {
                hash.add(text[position])
                position += 1
            }
            add(.prefix, hash.state, path, &found)
        }
        guard plan.has(.text) else { return }
        while position < text.count {
            hash.add(text[position])
            position += 1
        }
        add(.text, hash.state, path, &found)
    }

    private func findSuffixes(_ text: Span<UInt8>, _ plan: Plan, _ path: Int32, _ found: inout [Int32]) {
        var hash = TextHash()
        var position = 0
        for index in plan.suffixes.indices {
            let length = Int(lengths[index])
            guard length <= text.count else { return }
            while position < length {
                position += 1
                hash.add(text[text.count - position])
            }
            add(.suffix, hash.state, path, &found)
        }
    }

    private func findRanges(_ value: Double, _ plan: Plan, _ found: inout [Int32]) {
        for index in plan.ranges.indices where intervals[index].range.contains(value) {
            found.append(intervals[index].bucket)
        }
    }

    private func add(_ shape: ConditionKey.Shape, _ content: UInt64, _ path: Int32, _ found: inout [Int32]) {
        if let bucket = bucket(ConditionKey.hash(shape, content, path)) { found.append(bucket) }
    }

    private func bucket(_ hash: UInt64) -> Int32? {
        let cell = Int(hash >> shift)
        for index in cells[cell]..<cells[cell + 1] where hashes[Int(index)] == hash { return index }
        return nil
    }
}
