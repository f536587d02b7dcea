//! Rectangles.

/// A rectangle, in pixels at the designed width of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Its left edge.
    pub x: i32,
    /// Its top edge.
    pub y: i32,
    /// Its width.
    pub width: i32,
    /// Its height.
    pub height: i32,
}

impl Area {
    /// Creates a rectangle.
    pub const fn new(x: i32, y: i32, width: i32, height: i32) -> Self {
        Self { x, y, width, height }
    }

    /// Its right edge.
    pub const fn right(&self) -> i32 {
        self.x + self.width
    }

    /// Its bottom edge.
    pub const fn bottom(&self) -> i32 {
        self.y + self.height
    }

    /// The horizontal position of its centre.
    pub const fn centre(&self) -> i32 {
        self.x + self.width / 2
    }

    /// The vertical position of its centre.
    pub const fn middle(&self) -> i32 {
        self.y + self.height / 2
    }

    /// Whether another rectangle is completely inside.
    pub const fn contains(&self, other: &Self) -> bool {
        self.x <= other.x && self.y <= other.y && other.right() <= self.right() && other.bottom() <= self.bottom()
    }

    /// Whether the two have more than an edge in common.
    pub const fn overlaps(&self, other: &Self) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }
}
