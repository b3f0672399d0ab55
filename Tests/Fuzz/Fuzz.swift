import CFuzzer
import Glibc

/// Fuzz targets: `Fuzz TARGET [what libFuzzer takes: folders of inputs, -options]`; `make fuzz` runs them all.
///
/// Each target states what must hold for any bytes. libFuzzer makes the bytes, guided by what they reach, and keeps an
/// input that breaks a target's promise or ends the process.
@main
enum Fuzz {
    typealias Target = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt

    private static let targets: [(name: String, target: Target)] = [
        ("dead-letter", { run(DeadLetterTarget.check, $0, $1) }),
        ("json", { run(JSONTarget.check, $0, $1) }),
        ("patterns", { run(PatternTarget.check, $0, $1) }),
        ("retry-after", { run(RetryAfterTarget.check, $0, $1) }),
        ("routes", { run(RoutesTarget.check, $0, $1) }),
        ("templates", { run(TemplateTarget.check, $0, $1) }),
    ]

    static func main() {
        let arguments = CommandLine.arguments
        guard arguments.count > 1, let target = targets.first(where: { $0.name == arguments[1] })?.target else {
            print("usage: Fuzz \(targets.map(\.name).joined(separator: "|")) [libFuzzer's arguments]")
            exit(64)
        }
        var strings = ([arguments[0]] + arguments.dropFirst(2)).map { strdup($0) } + [nil]
        var count = CInt(strings.count - 1)
        let status = strings.withUnsafeMutableBufferPointer { buffer in
            var argv = buffer.baseAddress
            return LLVMFuzzerRunDriver(&count, &argv, target)
        }
        exit(status)
    }

    private static func run(_ check: ([UInt8]) -> Void, _ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        check(Array(UnsafeBufferPointer(start: data, count: count)))
        return 0
    }
}

/// Ends the process where a promise is broken; libFuzzer then keeps the input.
func promise(_ holds: Bool, _ words: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line) {
    if !holds { fatalError("broken: \(words())", file: file, line: line) }
}

/// The text in front of the first line feed, and what stands behind it.
func halves(_ input: [UInt8]) -> (first: [UInt8], second: [UInt8]) {
    let end = input.firstIndex(of: UInt8(ascii: "\n")) ?? input.endIndex
    return (Array(input[..<end]), Array(input[end...].dropFirst()))
}

func shown(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
