import Relay

/// Answers for the comparison of the address policy with Python's `ipaddress`, see `Tests/Outside/test_addresses.py`.
///
/// Reads an address a line, and writes for each `permitted`, `closedPrivate`, `denied`, or `unreadable`.
@main
enum AddressAnswers {
    static func main() {
        while let line = readLine() {
            print(AddressText.parse(line).map { "\(AddressPolicy.verdict($0, allowPrivate: []))" } ?? "unreadable")
        }
    }
}
