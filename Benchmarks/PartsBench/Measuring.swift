import Glibc

/// What this thread has used of the processor so far, in microseconds; time that other programs take does not count.
func threadMicroseconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
}

/// CPU microseconds that some work takes.
func microseconds(of work: () throws -> Void) rethrows -> Double {
    let start = threadMicroseconds()
    try work()
    return threadMicroseconds() - start
}

/// The process's resident memory in megabytes; the second number of /proc/self/statm counts pages (proc(5)).
func residentMegabytes() -> Double {
    guard let file = fopen("/proc/self/statm", "r") else { return .nan }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    guard fgets(&line, Int32(line.count), file) != nil else { return .nan }
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Double($0) } ?? .nan
    return pages * Double(sysconf(Int32(_SC_PAGESIZE))) / 1e6
}

func median(_ numbers: [Double]) -> Double {
    let sorted = numbers.sorted()
    return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
}

/// A number with so many digits behind the point.
func text(_ number: Double, _ digits: Int) -> String {
    let factor = Int(pow(10, Double(digits)))
    let scaled = Int((number * Double(factor)).rounded())
    guard digits > 0 else { return "\(scaled)" }
    let fraction = String(scaled % factor)
    return "\(scaled / factor).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
}

/// A row of a Markdown table.
func printRow(_ cells: [String]) {
    print("| \(cells.joined(separator: " | ")) |")
    fflush(nil)
}
