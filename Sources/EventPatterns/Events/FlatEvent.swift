package import JSON

/// The values of one event that rules ask for, each under the number of its path.
///
/// Arrays do not show in paths, but each value knows the innermost array element that it stands in, so that two fields
/// of one rule are not satisfied by different elements.
package struct FlatEvent: Sendable {
    enum Scalar: Sendable, Equatable {
        case null
        case bool(Bool)
        /// The nearest double; the text is kept beside it.
        case number(Double)
        case string
    }

    struct Value: Sendable {
        let scalar: Scalar
        /// Here it fits into the gap behind the scalar; a value then takes 32 bytes, not 48.
        let hasEscapes: Bool
        /// Where the text stands: in the event, or, if it had escapes, in `resolved`.
        let textStart: Int32
        let textEnd: Int32
        /// The innermost array element, or -1 outside of arrays.
        let element: Int32
        let path: Int32
        /// The next value with the same path, or -1.
        var next: Int32
    }

    /// One element of one array. Values are numbered in the order of the text, so those inside are a range.
    struct Element: Sendable {
        let parent: Int32
        let array: Int32
        let depth: Int32
        let firstValue: Int32
    }

    /// The values inside one array.
    struct ArrayRange: Sendable {
        let firstValue: Int32
        var endValue: Int32
    }

    /// The values of a path: the first and the last, or -1, and how many there are.
    struct Chain: Sendable {
        var first: Int32 = -1
        var last: Int32 = -1
        var count: Int32 = 0
        /// Those which stand in no array.
        var countOutside: Int32 = 0
    }

    fileprivate(set) var values: [Value] = []
    fileprivate(set) var chains: [Chain]
    fileprivate(set) var elements: [Element] = []
    fileprivate(set) var arrays: [ArrayRange] = []
    /// The event as it came.
    let bytes: [UInt8]
    /// Texts that had escapes, one behind the other.
    fileprivate(set) var resolved: [UInt8] = []

    /// Reads an event and keeps what the table names.
    /// - Throws: why the whole text is not one JSON object by our strict rules, with line and column.
    package init(parsing bytes: [UInt8], paths: PathTable, limits: JSONLimits = JSONLimits()) throws(EventFault) {
        var builder = FlatEventBuilder(bytes, pathCount: paths.count)
        do throws(JSONError) { try builder.read(bytes.span, paths, limits) } catch {
            throw .json(error, SourcePosition(of: error.offset, in: bytes))
        }
        if let found = builder.wrongRoot { throw .notAnObject(found: found) }
        self = builder.event
    }

    fileprivate init(_ bytes: [UInt8], pathCount: Int) {
        self.bytes = bytes
        chains = [Chain](repeating: Chain(), count: pathCount)
        values.reserveCapacity(16)
    }

    /// The numbers of a path's values in the order of the text.
    func indices(of path: Int) -> [Int32] {
        var indices: [Int32] = []
        var index = chains[path].first
        while index >= 0 {
            indices.append(index)
            index = values[Int(index)].next
        }
        return indices
    }
}

/// Follows a scan with the node of the path table that each value stands at.
private struct FlatEventBuilder {
    /// An object or an array that is open and in which some rule may find a value.
    private struct Frame {
        let node: Int32
        let isArray: Bool
        /// These two get their numbers when the first value inside is kept.
        var array: Int32 = -1
        var element: Int32 = -1
    }

    private(set) var event: FlatEvent
    private(set) var wrongRoot: String?
    private var frames: [Frame] = []
    private var openArrays = 0
    /// The node of the value that comes next.
    private var node = PathTable.root
    /// How many containers are open in which no rule looks for anything.
    private var ignored = 0

    init(_ bytes: [UInt8], pathCount: Int) {
        event = FlatEvent(bytes, pathCount: pathCount)
        frames.reserveCapacity(8)
    }

    mutating func read(_ input: Span<UInt8>, _ paths: PathTable, _ limits: JSONLimits) throws(JSONError) {
        var scanner = try JSONScanner(input, limits: limits)
        while true {
            let token = try scanner.next(input)
            switch token {
            case .end: return
            case .endObject, .endArray: close()
            case .beginObject: open(isArray: false)
            case .beginArray: open(isArray: true)
            case .key where ignored == 0:
                guard let frame = frames.last else { break }
                if scanner.hasEscapes {
                    node = paths.descend(from: frame.node, scanner.resolvedText.span)
                } else {
                    node = paths.descend(from: frame.node, input.extracting(scanner.textRange))
                }
            case .scalar(let scalar) where ignored == 0:
                guard let path = place(of: paths) else { break }
                if scanner.hasEscapes {
                    let start = event.resolved.count
                    event.resolved += scanner.resolvedText
                    keep(.string, start..<event.resolved.count, hasEscapes: true, at: path)
                } else {
                    let value = FlatEvent.Scalar(scalar, input.extracting(scanner.textRange))
                    keep(value, scanner.textRange, hasEscapes: false, at: path)
                }
            case .key, .scalar: break
            }
        }
    }

    private mutating func open(isArray: Bool) {
        if isArray, frames.isEmpty { wrongRoot = "a list" }
        if ignored > 0 || node == PathTable.nowhere {
            ignored += 1
        } else {
            startElement()
            frames.append(Frame(node: node, isArray: isArray))
            if isArray { openArrays += 1 }
        }
    }

    private mutating func close() {
        if ignored > 0 {
            ignored -= 1
        } else if let frame = frames.popLast() {
            // Where an array is around it, its next element has the same path.
            node = frame.node
            if frame.isArray { openArrays -= 1 }
            if frame.array >= 0 { event.arrays[Int(frame.array)].endValue = Int32(event.values.count) }
        }
    }

    /// A value directly in an array begins a new element of it.
    private mutating func startElement() {
        if openArrays > 0, frames[frames.count - 1].isArray { frames[frames.count - 1].element = -1 }
    }

    /// The path that the scalar which comes now is a value of, if any rule names it.
    private mutating func place(of paths: PathTable) -> Int? {
        guard node != PathTable.nowhere else { return nil }
        guard !frames.isEmpty else {
            wrongRoot = "a single value"
            return nil
        }
        startElement()
        return paths.path(of: node)
    }

    private mutating func keep(_ scalar: FlatEvent.Scalar, _ text: Range<Int>, hasEscapes: Bool, at path: Int) {
        let index = Int32(event.values.count)
        event.values.append(
            FlatEvent.Value(
                scalar: scalar, hasEscapes: hasEscapes, textStart: Int32(text.lowerBound),
                textEnd: Int32(text.upperBound),
                element: openArrays > 0 ? currentElement(index) : -1, path: Int32(path),
                next: -1))
        var chain = event.chains[path]
        if chain.last < 0 { chain.first = index } else { event.values[Int(chain.last)].next = index }
        chain.last = index
        chain.count += 1
        if openArrays == 0 { chain.countOutside += 1 }
        event.chains[path] = chain
    }

    /// The innermost open element; it and those around it get their numbers when they first hold a value.
    private mutating func currentElement(_ value: Int32) -> Int32 {
        // Where an element has its number, so have all around it.
        let numbered = frames.lastIndex { $0.element >= 0 }
        var parent = numbered.map { frames[$0].element } ?? -1
        var depth = parent < 0 ? 0 : event.elements[Int(parent)].depth
        for index in (numbered.map { $0 + 1 } ?? 0)..<frames.count where frames[index].isArray {
            depth += 1
            if frames[index].array < 0 {
                frames[index].array = Int32(event.arrays.count)
                event.arrays.append(FlatEvent.ArrayRange(firstValue: value, endValue: value))
            }
            frames[index].element = Int32(event.elements.count)
            event.elements.append(
                FlatEvent.Element(parent: parent, array: frames[index].array, depth: depth, firstValue: value))
            parent = frames[index].element
        }
        return parent
    }
}

extension FlatEvent.Scalar {
    fileprivate init(_ scalar: JSONScalar, _ text: Span<UInt8>) {
        switch scalar {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .string: self = .string
        case .number: self = .number(JSONNumber.double(of: text))
        }
    }
}
