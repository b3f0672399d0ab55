package struct EventPattern: Sendable {}
package struct EventFault: Error, CustomStringConvertible { package let description = "" }
package struct PatternSet: Sendable {
    package struct Matches: Sendable { package let indices: [Int]; package let timestamp: Int64? }
    package init(_ patterns: [EventPattern]) {}
    package func matches(_ event: [UInt8]) throws(EventFault) -> Matches { Matches(indices: [], timestamp: nil) }
}
