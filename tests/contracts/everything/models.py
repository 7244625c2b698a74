"""Every built-in field, and everything that Meta can say, for a check that must raise no alarm."""

# ruff: noqa: DJ001, DJ008

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now, Upper


class Every(models.Model):
    big = models.BigIntegerField(db_index=True)
    binary = models.BinaryField(null=True)
    boolean = models.BooleanField(default=True)
    char = models.CharField(max_length=40, unique=True)
    date = models.DateField()
    moment = models.DateTimeField()
    decimal = models.DecimalField(max_digits=10, decimal_places=3)
    duration = models.DurationField()
    email = models.EmailField()
    file = models.FileField()
    path = models.FilePathField()
    real = models.FloatField()
    ip = models.GenericIPAddressField()
    json = models.JSONField()
    integer = models.IntegerField(db_comment="a plain number")
    positive_big = models.PositiveBigIntegerField()
    positive = models.PositiveIntegerField()
    positive_small = models.PositiveSmallIntegerField()
    slug = models.SlugField()
    small = models.SmallIntegerField(null=True)
    text = models.TextField(null=True)
    time = models.TimeField()
    url = models.URLField()
    uuid = models.UUIDField()

    class Meta:
        db_table_comment = "a table of everything"
        ordering = ("big",)


class SmallKey(models.Model):
    id = models.SmallAutoField(primary_key=True)


class IntegerKey(models.Model):
    id = models.AutoField(primary_key=True)


class TextKey(models.Model):
    name = models.CharField(max_length=20, primary_key=True, db_column="Na me")


class Defaults(models.Model):
    char = models.CharField(max_length=20, db_default="it's 100 %")
    integer = models.IntegerField(db_default=-3)
    decimal = models.DecimalField(max_digits=6, decimal_places=2, db_default=1)
    real = models.FloatField(db_default=1.5)
    boolean = models.BooleanField(db_default=False)
    moment = models.DateTimeField(db_default=Now())
    total = models.IntegerField(db_default=models.Value(3) + models.Value(4))


class Shout(models.Field):
    """A field that Django has no name of, as those of packages are."""

    def db_type(self, connection):
        return "varchar(30)"


class Generated(models.Model):
    first = models.CharField(max_length=20)
    width = models.IntegerField()
    area = models.GeneratedField(
        expression=F("width") * F("width"), output_field=models.BigIntegerField(), db_persist=True
    )
    lower = models.GeneratedField(
        expression=Lower("first"), output_field=models.CharField(max_length=20), db_persist=True
    )
    shout = models.GeneratedField(expression=Upper("first"), output_field=Shout(), db_persist=True)


class Composite(models.Model):
    pk = models.CompositePrimaryKey("tenant", "number")
    tenant = models.IntegerField()
    number = models.IntegerField()


class Referring(models.Model):
    every = models.ForeignKey(Every, on_delete=models.CASCADE)
    by_char = models.ForeignKey(
        Every, on_delete=models.SET_NULL, null=True, to_field="char", related_name="+"
    )
    alone = models.OneToOneField(TextKey, on_delete=models.PROTECT)
    unbound = models.ForeignKey(
        Every, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, db_index=False)
    many = models.ManyToManyField(SmallKey)
    friends = models.ManyToManyField("self")
    through = models.ManyToManyField(IntegerKey, through="Through")


if hasattr(models, "DB_CASCADE"):  # Django 6.1

    class Cascaded(models.Model):
        every = models.ForeignKey(Every, on_delete=models.DB_CASCADE)
        other = models.ForeignKey(Every, on_delete=models.DB_SET_NULL, null=True, related_name="+")


class Through(models.Model):
    referring = models.ForeignKey(Referring, on_delete=models.CASCADE)
    key = models.ForeignKey(IntegerKey, on_delete=models.CASCADE)

    class Meta:
        unique_together = (("referring", "key"),)


class Place(models.Model):
    name = models.CharField(max_length=20)


class Restaurant(Place):
    stars = models.IntegerField()


class Cheap(Restaurant):
    class Meta:
        proxy = True


class Swapped(models.Model):
    class Meta:
        swappable = "TEST_SWAPPED_MODEL"


class Indexed(models.Model):
    name = models.CharField(max_length=40)
    other = models.CharField(max_length=40)
    number = models.IntegerField()
    active = models.BooleanField()

    class Meta:
        indexes = (
            models.Index(fields=["name"], name="ix_plain"),
            models.Index(fields=["name", "-number"], name="ix_ordered"),
            models.Index(Lower("name"), name="ix_functional"),
            models.Index(Lower("name").desc(), F("number"), name="ix_functional_ordered"),
            models.Index(fields=["number"], name="ix_partial", condition=Q(active=True)),
            models.Index(
                fields=["other"],
                name="ix_partial_text",
                condition=Q(name__in=["50%", "it's"]) & ~Q(number=3),
            ),
            models.Index(fields=["other"], name="ix_covering", include=["number", "active"]),
        )


class Constrained(models.Model):
    name = models.CharField(max_length=40)
    other = models.CharField(max_length=40, null=True)
    number = models.IntegerField()
    active = models.BooleanField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["name", "number"], name="un_plain"),
            models.UniqueConstraint(fields=["name"], name="un_partial", condition=Q(active=True)),
            models.UniqueConstraint(Lower("other"), F("number"), name="un_functional"),
            models.UniqueConstraint(
                Lower("name").desc(), name="un_functional_partial", condition=Q(number__gt=3)
            ),
            models.UniqueConstraint(fields=["number"], name="un_covering", include=["name"]),
            models.UniqueConstraint(
                fields=["other", "number"],
                name="un_deferred",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.UniqueConstraint(
                fields=["number", "other"],
                name="un_immediate",
                deferrable=models.Deferrable.IMMEDIATE,
            ),
            models.UniqueConstraint(fields=["other"], name="un_nulls", nulls_distinct=False),
            models.CheckConstraint(condition=Q(number__range=(0, 100)), name="ck_range"),
            models.CheckConstraint(condition=Q(name__startswith="a%"), name="ck_like"),
            models.CheckConstraint(
                condition=(Q(active=True) & ~Q(name="x")) | Q(other__isnull=True, number__lt=7),
                name="ck_mixed",
            ),
            models.CheckConstraint(condition=Q(active=False) | ~Q(number=3), name="ck_flag"),
            models.CheckConstraint(condition=Q(number__gt=F("number") - 1), name="ck_columns"),
        )


class Unmanaged(models.Model):
    name = models.CharField(max_length=20)

    class Meta:
        managed = False
        db_table = "raw_table"


class OnView(models.Model):
    name = models.CharField(max_length=20, unique=True)

    class Meta:
        managed = False
        db_table = "raw_view"


class OnlyOnPostgreSQL(models.Model):
    class Meta:
        required_db_vendor = "postgresql"


class OnlyWithGeometry(models.Model):
    class Meta:
        required_db_features = ("gis_enabled",)
